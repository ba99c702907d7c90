"""Transcription of whole recordings: they are split into chunks, which are decoded in any order."""
