"""Captions as subtitle files: cues, formats, one timeline for several sources."""
