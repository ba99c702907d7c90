"""Captions to a Zoom meeting (https://support.zoom.us/hc/en-us/articles/115002212983).

A caption is a POST of plain text to the URL that the meeting's host copies, with ``lang``, and with ``seq``, which is
incremented with each caption and repeated with a retry. ``GET .../closedcaption/seq`` returns the last ``seq`` that
arrived. So a restart during a meeting continues the count, and a caption whose response was lost is not sent twice.
"""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from streamstt.outputs.base import CaptionItem
from streamstt.outputs.http_client import HttpClient, HttpResponse, add_query
from streamstt.outputs.secrets import SecretSource

# Codes on Zoom's page (with its "jp-JP"); other languages are sent as they are.
LANGUAGES = {"de": "de-DE", "en": "en-US", "es": "es-ES", "fr": "fr-FR", "ja": "jp-JP", "zh": "zh-CN"}
STATUS_MEANINGS = {
    400: "the meeting has not started, or is over",
    403: "the address is incomplete, or belongs to another meeting",
}
HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def seq_url(url: str) -> str:
    """Returns the URL that reports the last ``seq``."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/seq"))


def caption_url(url: str, seq: int, language: str) -> str:
    """Returns the URL that a caption is posted to.

    Args:
        url: The URL that the host copied.
        seq: Number of the caption.
        language: Zoom's language code.
    """
    return add_query(url, seq=str(seq), lang=language)


def parse_last_seq(response: HttpResponse) -> int:
    """Returns the last ``seq`` that arrived; 0 if none has, or Zoom does not report it.

    Raises:
        TargetUnavailable: The meeting does not take captions now.
    """
    text = response.text.strip()
    if response.is_success and text.isdecimal() and len(text) < 16:
        return int(text)
    if response.is_success or response.status in {404, 405}:  # not reported
        return 0
    raise response.to_unavailable(STATUS_MEANINGS.get(response.status, ""))


class Zoom:
    """A ``Target``: the closed captions of a Zoom meeting."""

    def __init__(self, address: SecretSource, language: str) -> None:
        """Starts closed; call ``open``.

        Args:
            address: URL of the meeting; read again at each ``open``, as each meeting has its own.
            language: Zoom's language code; empty: from the captions.
        """
        self._address = address
        self._language = language
        self._client = HttpClient()
        self._url = ""
        self._seq = 0  # Zoom's number of the last caption that arrived
        self._unconfirmed = 0  # the hub's seq of a caption that may have arrived as number _seq + 1; 0: none
        self.is_open = False

    async def open(self) -> None:
        """Reads the URL, and asks Zoom for the last ``seq``."""
        url = await self._address.read_url()
        if url != self._url:
            self._url, self._seq, self._unconfirmed = url, 0, 0
        last = parse_last_seq(await self._client.get(seq_url(url)))
        if not (self._unconfirmed and last == self._seq + 1):
            self._unconfirmed = 0
        self._seq = max(last, self._seq)
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption, unless ``open`` has shown that it arrived; returns True."""
        unconfirmed, self._unconfirmed = self._unconfirmed, item.message.seq
        if unconfirmed != item.message.seq:
            language = self._language or LANGUAGES.get(code := item.message.data["language"], code)
            url = caption_url(self._url, self._seq + 1, language)
            response = await self._client.post(url, f"{item.labeled_text}\n".encode(), HEADERS)
            if not response.is_success:
                raise response.to_unavailable(STATUS_MEANINGS.get(response.status, ""))
            self._seq += 1
        self._unconfirmed = 0
        return True

    async def wait_closed(self) -> None:
        """Never returns: only a request shows whether Zoom takes captions."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
