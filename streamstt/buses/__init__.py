"""Captions over message brokers: to other programs, and to edge servers that pass them on to many viewers."""
