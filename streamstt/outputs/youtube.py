"""Captions to a YouTube live stream (https://support.google.com/youtube/answer/6077032).

A caption is a POST of plain text to the stream's ingestion URL, with ``seq``, which is incremented with each caption
and repeated with a retry. The body consists of cues: a line with the time in UTC, and a line with the text, ``<br>``
where it breaks. YouTube shows a cue with the picture of that time, so a caption that arrives late still fits. A caption
that it refuses is not sent again, because that would not help: the stream is not live, or the time or address is wrong.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from streamstt.clock import loop_time
from streamstt.concurrency import Backoff
from streamstt.events import Final
from streamstt.hub.protocol import Message
from streamstt.outputs.base import CaptionItem, CaptionRejected
from streamstt.outputs.http_client import HttpClient, add_query
from streamstt.outputs.secrets import SecretSource
from streamstt.text.line_breaking import break_lines

LINE_CHARS, LINES_PER_CUE = 42, 2
STATUS_MEANINGS = {
    400: "the stream has not started or is over, or this machine's clock is wrong",
    403: "the address is incomplete, or belongs to another stream",
}
RETRIED_STATUSES = {408, 425, 429}  # statuses that ask for another attempt, unlike others from 400 to 499
FIRST_PAUSE_S, LAST_PAUSE_S = 1.0, 10.0  # between requests while YouTube refuses them; captions meanwhile are dropped
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def make_body(message: Message, text: str, now: datetime) -> str:
    """Formats a final as cues of two lines, each at the time of its first word.

    Args:
        message: The final.
        text: Its text on one line, possibly with a label before it.
        now: Present time, used if the time of the final is not known, or later, as that of a recording may be.
    """
    final = message.event
    start = min(message.at or now, now)
    lines = break_lines(text, LINE_CHARS, str(message.data["language"]))
    cues, letters_before = [], 0
    for first in range(0, len(lines), LINES_PER_CUE):
        cue_lines = lines[first : first + LINES_PER_CUE]
        from_end = letters_before - _count_letters(text)
        cue_time = start + timedelta(seconds=_word_start(final, from_end) if isinstance(final, Final) else 0)
        timestamp = cue_time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        cues.append(f"{timestamp}\n{'<br>'.join(cue_lines)}\n")
        letters_before += sum(map(_count_letters, cue_lines))
    return "".join(cues)


def _word_start(final: Final, letters: int) -> float:
    """Returns when a word begins, in seconds from the beginning of the final.

    Args:
        final: The final, with its words.
        letters: Position of the word in letters, negative, from the end of the text, as a label may stand before it.
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
    """A ``Target``: the captions of a YouTube live stream."""

    def __init__(self, address: SecretSource) -> None:
        """Starts closed; call ``open``.

        Args:
            address: The stream's ingestion URL; read again at each ``open``.
        """
        self._address = address
        self._client = HttpClient()
        self._url = ""
        # Seconds since 1970: grows from run to run without a file, as there is less than one final per second.
        self._seq = int(time.time())
        self._pauses = Backoff(FIRST_PAUSE_S, LAST_PAUSE_S)
        self._refusal, self._refused_until = "", 0.0  # why it refuses captions, and the loop time of the next request
        self.is_open = False

    async def open(self) -> None:
        """Reads the URL."""
        url = await self._address.read_url()
        if url != self._url:
            self._url, self._refused_until = url, 0.0
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption; returns True."""
        if loop_time() < self._refused_until:
            raise self._reject()
        body = make_body(item.message, item.labeled_text, datetime.now(UTC)).encode(errors="replace")
        response = await self._client.post(add_query(self._url, seq=str(self._seq)), body, HEADERS)
        if not response.is_success:
            unavailable = response.to_unavailable(STATUS_MEANINGS.get(response.status, ""))
            if not 400 <= response.status < 500 or response.status in RETRIED_STATUSES:
                raise unavailable
            self._refusal, self._refused_until = str(unavailable), loop_time() + self._pauses.next_delay()
            raise self._reject()
        self._pauses.reset()
        self._seq += 1
        return True

    def _reject(self) -> CaptionRejected:
        """Has the address read again with the next caption, as it may be another one by then; returns the error."""
        self.is_open = False
        return CaptionRejected(self._refusal)

    async def wait_closed(self) -> None:
        """Never returns: only a request shows whether YouTube takes captions."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
