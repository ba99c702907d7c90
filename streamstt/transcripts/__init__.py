"""Transcripts on disk: sets of files, the record from which they can be restored, and retention."""
