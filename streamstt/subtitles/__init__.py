"""Captions as subtitle files: cues, formats, and a common timeline for several sources."""
