"""Live captions from Whisper, while people are still speaking.

The Python API: ``listen`` captions a microphone or a file in this process, ``connect`` follows the captions of a
running daemon, ``transcribe`` transcribes a recording; see docs/python.md.
"""

from typing import TYPE_CHECKING, Any

from streamstt.errors import StreamsttError
from streamstt.events import Event, Final, Gap, Partial, Revised, State, Status, Word
from streamstt.version import __version__

if TYPE_CHECKING:
    from streamstt.api import Captions, connect, listen, transcribe
    from streamstt.audio.sources import AudioSource

__all__ = [
    "AudioSource",
    "Captions",
    "Event",
    "Final",
    "Gap",
    "Partial",
    "Revised",
    "State",
    "Status",
    "StreamsttError",
    "Word",
    "__version__",
    "connect",
    "listen",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    """Imports what needs torch only when it is first used, because importing torch takes seconds."""
    if name in {"Captions", "connect", "listen", "transcribe"}:
        from streamstt import api  # noqa: PLC0415

        return getattr(api, name)
    if name == "AudioSource":
        from streamstt.audio.sources import AudioSource  # noqa: PLC0415

        return AudioSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
