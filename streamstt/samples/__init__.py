"""Recordings that ship with the package, so that there is something to caption before a microphone is plugged in."""

from importlib.resources import files
from pathlib import Path


def welcome() -> Path:
    """The spoken introduction: 16 kHz mono FLAC; its exact words are in ``welcome.txt`` beside it."""
    return Path(str(files(__name__) / "welcome.flac"))
