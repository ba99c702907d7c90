"""Closed captions (CEA-608) in the stream that OBS sends: each final, through ``SendStreamCaption``."""

import asyncio

from streamstt.clock import loop_time
from streamstt.config.outputs import ObsSettings
from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetUnavailable
from streamstt.outputs.obs.connection import ObsConnection
from streamstt.outputs.obs.protocol import NOT_READY, NOT_STREAMING
from streamstt.text.line_breaking import break_lines

MAX_COLUMNS = 32  # of CEA-608
# The parts of a long caption follow each other at this rate: faster than speech, slower than CEA-608's two characters
# per frame.
MAX_CHARS_PER_S = 25.0


def split_caption(text: str, language: str, settings: ObsSettings) -> list[str]:
    """Splits a caption into parts of a few lines, each of which replaces the one before."""
    lines = break_lines(text, min(settings.line_chars, MAX_COLUMNS), language)
    return ["\n".join(lines[n : n + settings.lines]) for n in range(0, len(lines), settings.lines)]


class ObsStreamCaptions:
    """A ``Target``: the closed captions of OBS's stream."""

    def __init__(self, connection: ObsConnection, settings: ObsSettings) -> None:
        """Starts closed; call ``open``.

        Args:
            connection: The connection to OBS.
            settings: The ``[obs]`` section.
        """
        self._connection = connection
        self._settings = settings
        self._last_sent = (0, 0)  # seq of the last caption, and number of its parts that were sent
        self._next_part_at = 0.0  # loop time (s) from which the next part may replace the last one

    @property
    def is_open(self) -> bool:
        """Whether OBS is connected."""
        return self._connection.is_open

    async def open(self) -> None:
        """Connects to OBS."""
        await self._connection.open()

    async def send(self, item: CaptionItem) -> bool:
        """Shows a caption; returns False if OBS is not streaming, as is usual. A retry continues with the next part."""
        parts = split_caption(item.labeled_text, str(item.message.data["language"]), self._settings)
        seq, sent_count = self._last_sent
        for i in range(sent_count if seq == item.message.seq else 0, len(parts)):
            await asyncio.sleep(max(self._next_part_at - loop_time(), 0))
            status = await self._connection.request("SendStreamCaption", {"captionText": parts[i]})
            if status.code == NOT_STREAMING:
                return False
            if status.code == NOT_READY:
                raise TargetUnavailable("OBS is not ready")
            if not status.ok:
                raise CaptionRejected(f"OBS answers {status}")
            self._last_sent = item.message.seq, i + 1
            self._next_part_at = loop_time() + len(parts[i]) / MAX_CHARS_PER_S
        return True

    async def wait_closed(self) -> None:
        """Waits until the connection to OBS is closed."""
        await self._connection.wait_closed()

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()
