"""Live captions from Whisper, while people are still speaking.

The Python API: ``listen`` captions a microphone, a file or a program's own audio in this process, ``connect`` follows
the captions of a running daemon, ``transcribe`` and ``Transcriber`` transcribe recordings; see docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamstt.errors import (
    ConfigError,
    EngineError,
    ModelError,
    OutputError,
    ServerError,
    SourceError,
    StreamsttError,
)
from streamstt.events import Event, Final, Gap, Partial, Revised, State, Status, Word
from streamstt.version import __version__

if TYPE_CHECKING:
    from streamstt.api import Captions, Transcriber, connect, listen, transcribe
    from streamstt.audio.format import Block
    from streamstt.audio.sources import AudioSource

__all__ = [
    "AudioSource",
    "Block",
    "Captions",
    "ConfigError",
    "EngineError",
    "Event",
    "Final",
    "Gap",
    "ModelError",
    "OutputError",
    "Partial",
    "Revised",
    "ServerError",
    "SourceError",
    "State",
    "Status",
    "StreamsttError",
    "Transcriber",
    "Word",
    "__version__",
    "connect",
    "listen",
    "transcribe",
]

_LAZY_MODULES = {
    **dict.fromkeys(("Captions", "Transcriber", "connect", "listen", "transcribe"), "streamstt.api"),
    "AudioSource": "streamstt.audio.sources",
    "Block": "streamstt.audio.format",
}
"""Where names come from that are imported only when they are first used: importing torch takes seconds."""


def __getattr__(name: str) -> Any:
    """Imports what is slow to import when it is first used."""
    if name in _LAZY_MODULES:
        return getattr(import_module(_LAZY_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
