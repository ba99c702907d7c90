"""Closed captions in the stream that OBS sends (CEA-608): each final, by ``SendStreamCaption``."""

import asyncio

from streamstt.clock import loop_time
from streamstt.config.outputs import ObsSettings
from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetUnavailable
from streamstt.outputs.obs.connection import ObsConnection
from streamstt.outputs.obs.protocol import NOT_READY, NOT_STREAMING
from streamstt.text.line_breaking import break_lines

MAX_COLUMNS = 32  # columns of CEA-608
MAX_CHARS_PER_S = (
    25.0  # a long caption comes in parts, so fast at most: above speech, below CEA-608's two signs a frame
)


def split_caption(text: str, language: str, settings: ObsSettings) -> list[str]:
    """A caption as OBS gets it: parts of a few lines, each put in place of the one before it."""
    broken = break_lines(text, min(settings.line_chars, MAX_COLUMNS), language)
    return ["\n".join(broken[n : n + settings.lines]) for n in range(0, len(broken), settings.lines)]


class ObsStreamCaptions:
    """A ``Target``."""

    def __init__(self, connection: ObsConnection, settings: ObsSettings) -> None:
        """Sends nothing yet.

        Args:
            connection: To OBS.
            settings: The ``[obs]`` section.
        """
        self._connection = connection
        self._settings = settings
        self._last_sent = (0, 0)  # number of the last caption, and how many of its parts were sent
        self._next_part_at = 0.0  # from then on the next part may be put in place of the last

    @property
    def is_open(self) -> bool:
        """Whether OBS is connected."""
        return self._connection.is_open

    async def open(self) -> None:
        """Connects to OBS."""
        await self._connection.open()

    async def send(self, item: CaptionItem) -> bool:
        """Shows a caption; False: OBS is not streaming, as it is most of the time."""
        parts = split_caption(item.labeled_text, str(item.message.data["language"]), self._settings)
        seq, done = self._last_sent
        for number in range(done if seq == item.message.seq else 0, len(parts)):
            await asyncio.sleep(max(self._next_part_at - loop_time(), 0))
            outcome = await self._connection.request("SendStreamCaption", {"captionText": parts[number]})
            if outcome.code == NOT_STREAMING:
                return False
            if outcome.code == NOT_READY:
                raise TargetUnavailable("OBS is not ready")
            if not outcome.ok:
                raise CaptionRejected(f"OBS answers {outcome}")
            self._last_sent = item.message.seq, number + 1
            self._next_part_at = loop_time() + len(parts[number]) / MAX_CHARS_PER_S
        return True

    async def wait_closed(self) -> None:
        """Returns when OBS has gone."""
        await self._connection.wait_closed()

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()
