"""Final captions as POSTs of JSON to an address of the user's, signed, each once as far as that can be.

The signature is that of GitHub's and Stripe's webhooks put together: HMAC-SHA256 of the time stamp, a full stop and the
body, so that neither can be changed, nor an old POST be sent again later.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable

from streamstt.outputs.base import CaptionItem, CaptionRejected, TargetGone
from streamstt.outputs.http_client import HttpClient
from streamstt.outputs.secrets import SecretSource

RETRY_STATUSES = {408, 425, 429}  # and all from 500: the caption is good, the moment is not
GONE_STATUS = 410


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of ``X-Streamstt-Signature``."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def make_headers(body: bytes, idempotency_key: str, secret: str, timestamp: str) -> dict[str, str]:
    """The headers of a POST.

    Args:
        body: Of it.
        idempotency_key: Names the caption for ever, however often it is sent.
        secret: Shared with the receiver; empty: it is not signed.
        timestamp: Seconds since 1970.
    """
    signed = {"X-Streamstt-Signature": signature(secret, timestamp, body)} if secret else {}
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": idempotency_key,
        "X-Streamstt-Timestamp": timestamp,
        **signed,
    }


class Webhook:
    """A ``Target``."""

    def __init__(
        self, address: SecretSource, secret: SecretSource, session: str, clock: Callable[[], float] = time.time
    ) -> None:
        """Connects nothing.

        Args:
            address: Where to.
            secret: Signs.
            session: Of the hub; ``seq`` is counted in it.
            clock: Seconds since 1970.
        """
        self._address = address
        self._secret = secret
        self._session = session
        self._clock = clock
        self._client = HttpClient()
        self._url = self._signing_key = ""
        self.is_open = False

    async def open(self) -> None:
        """Reads the address and the secret."""
        self._url, self._signing_key = await self._address.read_url(), await self._secret.read()
        self.is_open = True

    async def send(self, item: CaptionItem) -> bool:
        """Posts a caption."""
        body = item.json(self._session).encode(errors="replace")
        headers = make_headers(body, f"{self._session}-{item.message.seq}", self._signing_key, str(int(self._clock())))
        answer = await self._client.post(self._url, body, headers)
        if answer.is_success:
            return True
        if answer.status == GONE_STATUS:
            raise TargetGone("it answers 410, which asks to send nothing more")
        if answer.status in RETRY_STATUSES or answer.status >= 500:
            raise answer.to_unavailable()
        hint = "; redirections are not followed, set the new address" if answer.status < 400 else ""
        raise CaptionRejected(f"it answers {answer.status}{hint}")

    async def wait_closed(self) -> None:
        """Only a request would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the connection."""
        self.is_open = False
        await self._client.close()
