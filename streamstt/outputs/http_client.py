"""HTTP to targets: one request at a time, bounded in time and size. The only import of httpx2.

An address is a secret: no error, and nothing that is logged, says more than what went wrong.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from streamstt.errors import causes, describe_os_error
from streamstt.outputs.base import TargetUnavailable
from streamstt.version import __version__

HTTP_TIMEOUT_S = 5.0  # for a whole exchange, from the name's look-up to the end of the answer
MAX_RESPONSE = 4096  # bytes that are read of an answer; none that we ask for is longer
MAX_RETRY_AFTER_S = 600.0  # a longer Retry-After is not obeyed: the target may be well long before


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; ``retry_after_s`` is 0 if it was not said."""

    status: int
    text: str = ""
    retry_after_s: float = 0

    @property
    def is_success(self) -> bool:
        """Whether the request was taken."""
        return 200 <= self.status < 300

    def to_unavailable(self, meaning: str = "") -> TargetUnavailable:
        """The same as a reason to try again, with what the status means there."""
        return TargetUnavailable(f"it answers {self.status}{meaning and f' ({meaning})'}", self.retry_after_s)


class HttpClient:
    """A client with one connection, which is kept for the next request; follows no redirection."""

    def __init__(self, timeout_s: float = HTTP_TIMEOUT_S) -> None:
        """Connects nothing.

        Args:
            timeout_s: For a whole exchange.
        """
        self._timeout_s = timeout_s
        self._client: httpx2.AsyncClient | None = None
        self._tls = httpx2.create_ssl_context()  # once, for it takes longer than captions may wait

    async def get(self, url: str) -> HttpResponse:
        """Asks.

        Raises:
            Away: There is no answer.
        """
        return await self._request("GET", url, b"", {})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Sends.

        Raises:
            Away: There is no answer; whether the request arrived is not known.
        """
        return await self._request("POST", url, body, headers)

    async def _request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        if self._client is None:  # the time is bounded as a whole, below
            limits = httpx2.Limits(max_connections=1, keepalive_expiry=60)
            agent = {"User-Agent": f"streamstt/{__version__}"}
            self._client = httpx2.AsyncClient(headers=agent, timeout=None, limits=limits, verify=self._tls)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(method, url, content=body, headers=headers) as response:
                    text = await _read_body(response)
        except TimeoutError:
            raise TargetUnavailable(f"no answer within {self._timeout_s:g} s", report_now=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError) as problem:
            raise TargetUnavailable(_describe_error(problem)) from None  # its traceback would show the address
        return HttpResponse(response.status_code, text, parse_retry_after(response.headers.get("Retry-After", "")))

    async def close(self) -> None:
        """Closes the connection; the next request opens another."""
        client, self._client = self._client, None
        if client:
            with suppress(Exception):  # it is given up
                await client.aclose()


async def _read_body(response: httpx2.Response) -> str:
    """The beginning of an answer."""
    received = b""
    async for part in response.aiter_raw():
        received += part
        if len(received) >= MAX_RESPONSE:
            break
    return received[:MAX_RESPONSE].decode(errors="replace")


def _describe_error(error: BaseException) -> str:
    """What went wrong, in words that hold no address: those of the system's own error behind it, or its kind."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.errno:
            return f"no connection: {describe_os_error(cause)}"
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    return f"the connection broke ({type(error).__name__})"


def parse_retry_after(header: str, now: datetime | None = None) -> float:
    """Seconds to wait, from a ``Retry-After`` header (RFC 9110, 10.2.3): seconds, or a date; 0 if it says none.

    Args:
        header: Its value, or empty.
        now: In place of the clock.
    """
    try:
        if header.strip().isdecimal():
            seconds = float(header)
        else:
            seconds = (parsedate_to_datetime(header) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def add_query(url: str, **fields: str) -> str:
    """An address with more fields in its query; they hold nothing that has to be escaped."""
    more = "&".join(f"{key}={value}" for key, value in fields.items())
    return f"{url}{'&' if '?' in url else '?'}{more}"
