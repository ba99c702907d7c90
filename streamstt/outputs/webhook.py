"""Final captions as signed JSON POST requests to the user's own server.

The signature combines those of GitHub's and Stripe's webhooks: HMAC-SHA256 of the timestamp, a full stop and the body,
so that neither can be changed, and an old request cannot be replayed. An idempotency key lets the receiver drop
duplicates.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable

from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetGone
from streamstt.outputs.http_client import HttpClient
from streamstt.outputs.secrets import SecretSource

RETRY_STATUSES = {408, 425, 429}  # and all from 500: the caption is valid, but cannot be taken now
GONE_STATUS = 410


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Computes the value of ``X-Streamstt-Signature``."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def make_headers(body: bytes, idempotency_key: str, secret: str, timestamp: str) -> dict[str, str]:
    """Makes the headers of a request.

    Args:
        body: Body of the request.
        idempotency_key: Identifies the caption, however often it is sent.
        secret: Key shared with the receiver; empty: the request is not signed.
        timestamp: Present time, in seconds since 1970.
    """
    signature_header = {"X-Streamstt-Signature": signature(secret, timestamp, body)} if secret else {}
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency_key,
        "X-Streamstt-Timestamp": timestamp,
        **signature_header,
    }


class Webhook:
    """A ``Target``: the user's own server."""

    def __init__(
        self, address: SecretSource, secret: SecretSource, session: str, clock: Callable[[], float] = time.time
    ) -> None:
        """Starts closed; call ``open``.

        Args:
            address: URL to send to; read again at each ``open``.
            secret: Key that signs requests; may be empty.
            session: Session of the hub; with it, ``seq`` is unique.
            clock: Returns the seconds since 1970.
        """
        self._address = address
        self._secret = secret
        self._session = session
        self._clock = clock
        self._client = HttpClient()
        self._url = self._signing_key = ""
        self.is_open = False

    async def open(self) -> None:
        """Reads the URL and the secret."""
        self._url, self._signing_key = await self._address.read_url(), await self._secret.read()
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption; returns True."""
        body = item.json(self._session).encode(errors="replace")
        headers = make_headers(body, f"{self._session}-{item.message.seq}", self._signing_key, str(int(self._clock())))
        response = await self._client.post(self._url, body, headers)
        if response.is_success:
            return True
        if response.status == GONE_STATUS:
            raise TargetGone("it answers 410, which asks to send nothing more")
        if response.status in RETRY_STATUSES or response.status >= 500:
            raise response.to_unavailable()
        hint = "; redirects are not followed, set the new address" if response.status < 400 else ""
        raise CaptionRejected(f"it answers {response.status}{hint}")

    async def wait_closed(self) -> None:
        """Never returns: only a request shows whether the server responds."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
