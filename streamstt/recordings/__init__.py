"""Whole recordings: split into chunks, decoded in the background."""
