"""Recordings that ship with the package, for trying the program without a microphone."""

from importlib.resources import files
from pathlib import Path


def welcome() -> Path:
    """Returns the path of the spoken introduction (16 kHz mono FLAC); ``welcome.txt`` has its exact words."""
    return Path(str(files(__name__) / "welcome.flac"))
