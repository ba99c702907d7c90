"""Deepgram's live protocol."""
