"""Whisper: finds, loads and runs a model. ``loader`` is the way in; nothing here knows sessions or captions."""
