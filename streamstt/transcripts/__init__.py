"""Transcripts on disk: sets of files, the record, retention."""
