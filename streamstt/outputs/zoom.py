"""Captions to a Zoom meeting (https://support.zoom.us/hc/en-us/articles/115002212983).

A caption is a POST of plain text to the address that the meeting's host copies, with ``seq``, which rises by one from
caption to caption and stays the same when one is sent again, and ``lang``. ``GET .../closedcaption/seq`` tells the
last that arrived: so a restart in a meeting goes on with it, and a caption whose answer was lost is not sent twice.
"""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from streamstt.outputs.base import Parcel
from streamstt.outputs.http_client import Answer, Poster, with_query
from streamstt.outputs.secrets import Secret

# As Zoom's page names them; another language goes by its code alone.
LANGUAGES = {"de": "de-DE", "en": "en-US", "es": "es-ES", "fr": "fr-FR", "ja": "jp-JP", "zh": "zh-CN"}
MEANINGS = {
    400: "the meeting has not started, or is over",
    403: "the address is not whole, or of another meeting",
}
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def seq_address(url: str) -> str:
    """Where the last ``seq`` is told."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/seq"))


def caption_address(url: str, seq: int, language: str) -> str:
    """Where a caption goes.

    Args:
        url: As the host copied it.
        seq: Of the caption.
        language: As Zoom names it.
    """
    return with_query(url, seq=str(seq), lang=language)


def last_seq(answer: Answer) -> int:
    """The last ``seq`` that arrived, 0 if none has.

    Raises:
        Away: The meeting does not take captions now.
    """
    text = answer.text.strip()
    if answer.is_good and text.isdecimal() and len(text) < 16:
        return int(text)
    if answer.is_good or answer.status in {404, 405}:  # it does not tell
        return 0
    raise answer.away(MEANINGS.get(answer.status, ""))


class Zoom:
    """A ``Target``."""

    def __init__(self, address: Secret, language: str) -> None:
        """Connects nothing.

        Args:
            address: Of the meeting; read anew whenever it does not answer, for each meeting has its own.
            language: As Zoom names it; empty: that of each caption.
        """
        self._address = address
        self._language = language
        self._poster = Poster()
        self._url = ""
        self._seq = 0  # of the last caption that arrived
        self._unsure = 0  # number in the hub of the caption that may have arrived as the one after that
        self.is_open = False

    async def open(self) -> None:
        """Asks for the last ``seq``."""
        url = await self._address.address()
        if url != self._url:
            self._url, self._seq, self._unsure = url, 0, 0
        last = last_seq(await self._poster.get(seq_address(url)))
        if not (self._unsure and last == self._seq + 1):
            self._unsure = 0
        self._seq = max(last, self._seq)
        self.is_open = True

    async def send(self, parcel: Parcel) -> bool:
        """Posts a caption, unless Zoom has told that it has it."""
        unsure, self._unsure = self._unsure, parcel.message.seq
        if unsure != parcel.message.seq:
            language = self._language or LANGUAGES.get(lang := parcel.message.data["language"], lang)
            url = caption_address(self._url, self._seq + 1, language)
            answer = await self._poster.post(url, f"{parcel.line}\n".encode(), HEADERS)
            if not answer.is_good:
                raise answer.away(MEANINGS.get(answer.status, ""))
            self._seq += 1
        self._unsure = 0
        return True

    async def lost(self) -> None:
        """Only a request would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._poster.close()
