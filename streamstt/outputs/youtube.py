"""Captions to a YouTube live stream (https://support.google.com/youtube/answer/6077032).

A POST of plain text to the stream's ingestion address, with ``seq``, which rises by one from POST to POST and stays the
same when one is sent again. The body has cues: a line with the time in UTC, a line with the text, ``<br>`` where it
breaks. YouTube shows a cue when the picture of that time is shown, so that a caption that comes late still fits.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from streamstt.events import Final
from streamstt.hub.protocol import Message
from streamstt.outputs.base import CaptionItem
from streamstt.outputs.http_client import HttpClient, add_query
from streamstt.outputs.secrets import SecretSource
from streamstt.text.line_breaking import break_lines

LINE_CHARS, LINES_PER_CUE = 42, 2
STATUS_MEANINGS = {400: "the stream has not started, or is over", 403: "the address is not whole, or of another stream"}
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def make_body(message: Message, text: str, now: datetime) -> str:
    """A final as cues of two lines, each at the time of its first word.

    Args:
        message: The final.
        text: Its text, on one line, perhaps with the speaker's label before it.
        now: For a final whose time is not known.
    """
    final = message.event
    began = message.at or now
    broken = break_lines(text, LINE_CHARS, str(message.data["language"]))
    cues, said = [], 0
    for first in range(0, len(broken), LINES_PER_CUE):
        shown = broken[first : first + LINES_PER_CUE]
        at = began + timedelta(
            seconds=_word_start(final, said - _count_letters(text)) if isinstance(final, Final) else 0
        )
        stamp = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        cues.append(f"{stamp}\n{'<br>'.join(shown)}\n")
        said += sum(map(_count_letters, shown))
    return "".join(cues)


def _word_start(final: Final, letters: int) -> float:
    """When a word begins, in seconds from the beginning of the final.

    Args:
        final: With its words.
        letters: Where the word begins, counted in letters from the end of the text, for a label may stand before it;
            negative.
    """
    end = 0
    for word in reversed(final.words):
        end -= _count_letters(word.text)
        if end <= letters:
            return word.start - final.start
    return 0.0


def _count_letters(text: str) -> int:
    return sum(not char.isspace() for char in text)


class Youtube:
    """A ``Target``."""

    def __init__(self, address: SecretSource) -> None:
        """Connects nothing.

        Args:
            address: Of the stream's ingestion; read anew whenever it does not answer.
        """
        self._address = address
        self._client = HttpClient()
        self._url = ""
        # Seconds since 1970: it rises from run to run without a note of it on disk, for speech has fewer finals.
        self._seq = int(time.time())
        self.is_open = False

    async def open(self) -> None:
        """Reads the address."""
        self._url = await self._address.read_url()
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption."""
        body = make_body(item.message, item.labeled_text, datetime.now(UTC)).encode(errors="replace")
        answer = await self._client.post(add_query(self._url, seq=str(self._seq)), body, HEADERS)
        if not answer.is_success:
            raise answer.to_unavailable(STATUS_MEANINGS.get(answer.status, ""))
        self._seq += 1
        return True

    async def wait_closed(self) -> None:
        """Only a request would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
