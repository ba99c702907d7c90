"""HTTP requests to targets, one at a time, bounded in time and size. The only module that imports httpx2.

URLs are secrets: they appear in no error and in no log line.
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

HTTP_TIMEOUT_S = 5.0  # for a whole exchange, from the name lookup to the end of the response
MAX_RESPONSE = 4096  # bytes read of a response body; none of those expected is longer
MAX_RETRY_AFTER_S = 600.0  # a longer Retry-After is shortened: the target may be available long before


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response.

    Attributes:
        status: HTTP status code.
        text: Body, at most ``MAX_RESPONSE`` bytes of it.
        retry_after_s: Value of ``Retry-After`` in seconds; 0: none.
    """

    status: int
    text: str = ""
    retry_after_s: float = 0

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def to_unavailable(self, meaning: str = "") -> TargetUnavailable:
        """Makes the error that asks for a retry.

        Args:
            meaning: What the status means at this target; empty: not known.
        """
        return TargetUnavailable(f"it answers {self.status}{meaning and f' ({meaning})'}", self.retry_after_s)


class HttpClient:
    """A client with one connection, which is kept open between requests; does not follow redirects."""

    def __init__(self, timeout_s: float = HTTP_TIMEOUT_S) -> None:
        """Starts disconnected; the first request connects.

        Args:
            timeout_s: Time limit of a whole exchange, in seconds.
        """
        self._timeout_s = timeout_s
        self._client: httpx2.AsyncClient | None = None
        self._tls = httpx2.create_ssl_context()  # now: it takes longer than a caption may wait

    async def get(self, url: str) -> HttpResponse:
        """Sends a GET request.

        Raises:
            TargetUnavailable: There was no response.
        """
        return await self._request("GET", url, b"", {})

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Sends a POST request.

        Raises:
            TargetUnavailable: There was no response; the request may have arrived nevertheless.
        """
        return await self._request("POST", url, body, headers)

    async def _request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        if self._client is None:
            limits = httpx2.Limits(max_connections=1, keepalive_expiry=60)
            user_agent = {"User-Agent": f"streamstt/{__version__}"}
            # Without its own timeouts: the limit below is for the whole exchange.
            self._client = httpx2.AsyncClient(headers=user_agent, timeout=None, limits=limits, verify=self._tls)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(method, url, content=body, headers=headers) as response:
                    text = await _read_body(response)
        except TimeoutError:
            raise TargetUnavailable(f"no answer within {self._timeout_s:g} s", report_now=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ssl.SSLError) as error:
            raise TargetUnavailable(_describe_error(error)) from None  # its traceback would show the URL
        return HttpResponse(response.status_code, text, parse_retry_after(response.headers.get("Retry-After", "")))

    async def close(self) -> None:
        """Closes the connection; the next request opens another."""
        client, self._client = self._client, None
        if client:
            with suppress(Exception):  # the connection is abandoned anyway
                await client.aclose()


async def _read_body(response: httpx2.Response) -> str:
    """Reads up to ``MAX_RESPONSE`` bytes of a response body."""
    received = b""
    async for part in response.aiter_raw():
        received += part
        if len(received) >= MAX_RESPONSE:
            break
    return received[:MAX_RESPONSE].decode(errors="replace")


def _describe_error(error: BaseException) -> str:
    """Describes an error without the URL: by the certificate or OS error that caused it, or else by its type."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.errno:
            return f"no connection: {describe_os_error(cause)}"
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    return f"the connection broke ({type(error).__name__})"


def parse_retry_after(header: str, now: datetime | None = None) -> float:
    """Parses a ``Retry-After`` header, which is a number of seconds or a date (RFC 9110, 10.2.3).

    Args:
        header: Value of the header; empty: there is none.
        now: Present time; None: that of the clock.

    Returns:
        Seconds to wait, from 0 to ``MAX_RETRY_AFTER_S``; 0 if the value is empty or invalid.
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
    """Adds fields to the query of a URL; their values must not need escaping."""
    query = "&".join(f"{key}={value}" for key, value in fields.items())
    return f"{url}{'&' if '?' in url else '?'}{query}"
