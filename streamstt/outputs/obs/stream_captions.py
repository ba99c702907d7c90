"""Closed captions in the stream that OBS sends (CEA-608): each final, by ``SendStreamCaption``."""

import asyncio

from streamstt.config.outputs import Obs
from streamstt.outputs.base import Away, Parcel, Refused
from streamstt.outputs.obs.connection import ObsSocket
from streamstt.outputs.obs.protocol import NOT_READY, NOT_STREAMING
from streamstt.text.line_breaking import lines

WIDEST = 32  # columns of CEA-608
CHARS_S = 25.0  # a long caption comes in parts, so fast at most: above speech, below CEA-608's two signs a frame


def parts_of(text: str, language: str, settings: Obs) -> list[str]:
    """A caption as OBS gets it: parts of a few lines, each put in place of the one before it."""
    broken = lines(text, min(settings.line_chars, WIDEST), language)
    return ["\n".join(broken[n : n + settings.lines]) for n in range(0, len(broken), settings.lines)]


class ObsCaptions:
    """A ``Target``."""

    def __init__(self, socket: ObsSocket, settings: Obs) -> None:
        """Sends nothing yet.

        Args:
            socket: To OBS.
            settings: The ``[obs]`` section.
        """
        self._socket = socket
        self._settings = settings
        self._shown = (0, 0)  # number of the last caption, and how many of its parts were sent
        self._free_at = 0.0  # from then on the next part may be put in place of the last

    @property
    def is_open(self) -> bool:
        """Whether OBS is connected."""
        return self._socket.is_open

    async def open(self) -> None:
        """Connects to OBS."""
        await self._socket.open()

    async def send(self, parcel: Parcel) -> bool:
        """Shows a caption; False: OBS is not streaming, as it is most of the time."""
        parts = parts_of(parcel.line, str(parcel.message.data["language"]), self._settings)
        seq, done = self._shown
        for number in range(done if seq == parcel.message.seq else 0, len(parts)):
            await asyncio.sleep(max(self._free_at - _now(), 0))
            outcome = await self._socket.ask("SendStreamCaption", {"captionText": parts[number]})
            if outcome.code == NOT_STREAMING:
                return False
            if outcome.code == NOT_READY:
                raise Away("OBS is not ready")
            if not outcome.good:
                raise Refused(f"OBS answers {outcome}")
            self._shown = parcel.message.seq, number + 1
            self._free_at = _now() + len(parts[number]) / CHARS_S
        return True

    async def lost(self) -> None:
        """Returns when OBS has gone."""
        await self._socket.lost()

    async def close(self) -> None:
        """Closes the connection."""
        await self._socket.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
