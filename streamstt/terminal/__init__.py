"""Presentation in a terminal; makes no decisions."""
