"""Whisper: finding and loading a model, and the engines that run it."""
