"""Captions to a Zoom meeting (https://support.zoom.us/hc/en-us/articles/115002212983).

A caption is a POST of plain text to the address that the meeting's host copies, with ``seq``, which rises by one from
caption to caption and stays the same when one is sent again, and ``lang``. ``GET .../closedcaption/seq`` tells the
last that arrived: so a restart in a meeting goes on with it, and a caption whose answer was lost is not sent twice.
"""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from streamstt.outputs.base import CaptionItem
from streamstt.outputs.http_client import HttpClient, HttpResponse, add_query
from streamstt.outputs.secrets import SecretSource

# As Zoom's page names them; another language goes by its code alone.
LANGUAGES = {"de": "de-DE", "en": "en-US", "es": "es-ES", "fr": "fr-FR", "ja": "jp-JP", "zh": "zh-CN"}
STATUS_MEANINGS = {
    400: "the meeting has not started, or is over",
    403: "the address is not whole, or of another meeting",
}
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def seq_url(url: str) -> str:
    """Where the last ``seq`` is told."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/seq"))


def caption_url(url: str, seq: int, language: str) -> str:
    """Where a caption goes.

    Args:
        url: As the host copied it.
        seq: Of the caption.
        language: As Zoom names it.
    """
    return add_query(url, seq=str(seq), lang=language)


def parse_last_seq(response: HttpResponse) -> int:
    """The last ``seq`` that arrived, 0 if none has.

    Raises:
        Away: The meeting does not take captions now.
    """
    text = response.text.strip()
    if response.is_success and text.isdecimal() and len(text) < 16:
        return int(text)
    if response.is_success or response.status in {404, 405}:  # it does not tell
        return 0
    raise response.to_unavailable(STATUS_MEANINGS.get(response.status, ""))


class Zoom:
    """A ``Target``."""

    def __init__(self, address: SecretSource, language: str) -> None:
        """Connects nothing.

        Args:
            address: Of the meeting; read anew whenever it does not answer, for each meeting has its own.
            language: As Zoom names it; empty: that of each caption.
        """
        self._address = address
        self._language = language
        self._client = HttpClient()
        self._url = ""
        self._seq = 0  # of the last caption that arrived
        self._unconfirmed = 0  # number in the hub of the caption that may have arrived as the one after that
        self.is_open = False

    async def open(self) -> None:
        """Asks for the last ``seq``."""
        url = await self._address.read_url()
        if url != self._url:
            self._url, self._seq, self._unconfirmed = url, 0, 0
        last = parse_last_seq(await self._client.get(seq_url(url)))
        if not (self._unconfirmed and last == self._seq + 1):
            self._unconfirmed = 0
        self._seq = max(last, self._seq)
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption, unless Zoom has told that it has it."""
        unsure, self._unconfirmed = self._unconfirmed, item.message.seq
        if unsure != item.message.seq:
            language = self._language or LANGUAGES.get(lang := item.message.data["language"], lang)
            url = caption_url(self._url, self._seq + 1, language)
            answer = await self._client.post(url, f"{item.labeled_text}\n".encode(), HEADERS)
            if not answer.is_success:
                raise answer.to_unavailable(STATUS_MEANINGS.get(answer.status, ""))
            self._seq += 1
        self._unconfirmed = 0
        return True

    async def wait_closed(self) -> None:
        """Only a request would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
