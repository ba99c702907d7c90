"""HTTP on the daemon's only port: keep-alive, methods, limits, and upgrades to WebSocket."""

import asyncio
import logging
from contextlib import AsyncExitStack
from http import HTTPStatus

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait
from websockets.asyncio.client import connect

from streamstt.compat.endpoints import translate_error
from streamstt.config.server import ServerSettings as Settings
from streamstt.server import connection, http_service, websocket
from streamstt.server.endpoint import Extensions
from streamstt.server.http import stream
from streamstt.server.http.request import Api, HttpRequest
from streamstt.server.http.response import Response, text_response
from tests.support.http_server import RawClient, Reply, Running, connected, request, serving

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version: 13",
)
PING = b"\x89\x80\0\0\0\0"
PONG = b"\x8a\x00"
MAX_PAGE_CONNECTIONS = 6  # as many as browsers open to one host for plain requests


async def echo(post: HttpRequest) -> None:
    """Responds with the body."""
    body = b"".join([part async for part in post.body(1000)])
    await post.respond(Response(HTTPStatus.OK, "text/plain", body))


async def fail(_: HttpRequest) -> None:
    raise RuntimeError("a bug")


async def wait_for_response(post: HttpRequest) -> None:
    """Never responds."""
    await asyncio.Future()


UPLOADS = Extensions(api=Api({"/echo": echo, "/fail": fail, "/wait": wait_for_response}, lambda _: None))


def post(target: str, body: bytes, *headers: str) -> bytes:
    return request(target, "POST", f"Content-Length: {len(body)}", *headers) + body


# ---- connections that stay


async def test_a_connection_serves_many_requests() -> None:
    """One connection carries several requests: pages, errors that keep it open, and uploads."""
    async with serving(extensions=UPLOADS) as server, connected(server) as client:
        for _ in range(20):
            assert (await client.ask("/healthz")).status == 200
            assert (await client.ask("/nothing")).status == 404
            client.send(post("/echo", b"hello"))
            assert (await client.reply()).body == b"hello"
        assert server.connections == 1


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", request("/", "GET", "Connection: close")]
)
async def test_a_client_that_wants_the_end_gets_it(sent: bytes) -> None:
    """With HTTP/1.0 or ``Connection: close``, the connection is closed after one response."""
    async with serving() as server, connected(server) as client:
        client.send(sent)
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await client.rest() == b""


async def test_a_page_opens_few_connections(browser: Chrome) -> None:
    """Chromium loads the captions page with all its files over as few connections as it opens to one host."""
    async with serving() as server:
        arrived = _count_arrivals(server)
        await asyncio.to_thread(browser.get, server.url)
        title = "return document.querySelector('#state').textContent"
        await asyncio.to_thread(WebDriverWait(browser, 20).until, lambda b: b.execute_script(title))
        files = await asyncio.to_thread(
            browser.execute_script, "return performance.getEntriesByType('resource').length"
        )
        async with asyncio.timeout(20):
            while not server.hub.viewers:  # noqa: ASYNC110 - nothing tells when one has come
                await asyncio.sleep(0.01)
        assert files > 15
        assert len(arrived) <= MAX_PAGE_CONNECTIONS + 1
        await asyncio.to_thread(browser.get, "about:blank")


def _count_arrivals(server: Running) -> list[str]:
    """Collects the address of each new connection."""
    arrived: list[str] = []
    counter = server.server._connection_policy.short.counter
    add = counter.add

    def note(address: str) -> None:
        arrived.append(address)
        add(address)

    counter.add = note  # type: ignore[method-assign]
    return arrived


async def test_a_crowd_is_not_kept() -> None:
    """While more than half of the connections are in use, each is closed after its response."""
    async with serving() as server, AsyncExitStack() as stack:
        server.server._connection_policy.short.counter.max_per_address = 4
        clients = [await stack.enter_async_context(connected(server)) for _ in range(3)]
        for client in clients[:2]:
            await client.ask("/healthz")
        crowded = await clients[2].ask("/healthz")
        assert (crowded.status, crowded.headers.get("connection")) == (200, "close")
        assert await clients[2].rest() == b""


async def test_a_hall_of_phones() -> None:
    """Behind one address, hundreds of browsers load the page at once, though few of them may open a WebSocket."""
    async with serving(Settings(port=0, max_per_address=3)) as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server)) for _ in range(400)]
        replies = await asyncio.gather(*(client.ask("/pages/captions/captions.js") for client in clients))
        assert {reply.status for reply in replies} == {200}


async def test_an_upload_takes_the_place_of_a_client() -> None:
    """While one is served, no more than the rest of the clients of an address may come."""
    settings = Settings(port=0, max_per_address=1)
    async with serving(settings, extensions=UPLOADS) as server, connected(server) as first, connected(server) as second:
        first.send(post("/wait", b""))
        async with asyncio.timeout(5):
            while not server.server._connection_policy.counter.total:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        second.send(post("/echo", b"hello"))
        assert (await second.reply()).status == 503


async def test_nobody_stays_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is closed after a number of requests; the last response says so."""
    monkeypatch.setattr(http_service, "MAX_REQUESTS", 3)
    async with serving() as server, connected(server) as client:
        ends = [(await client.ask("/healthz")).headers.get("connection") for _ in range(3)]
        assert ends == [None, None, "close"]
        assert await client.rest() == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Pipelined requests get their responses in order; none is served after a body that is not read."""
    async with serving(extensions=UPLOADS) as server, connected(server) as client:
        client.send(request("/healthz") + post("/echo", b"two") + request("/nothing") + request("/healthz", "HEAD"))
        assert [(await client.reply(method)).status for method in ("GET", "POST", "GET", "HEAD")] == [
            200,
            200,
            404,
            200,
        ]
        client.send(post("/", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") + request("/healthz"))
        assert (await client.reply()).status == 405
        assert await client.rest() == b""


async def test_many_requests_at_once_hold_up_nobody() -> None:
    """Other tasks run between two requests of a connection."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with serving() as server, connected(server) as client:
        counting = asyncio.create_task(count())
        client.send(request("/healthz") * 500 + request("/healthz", "GET", "Connection: close"))
        await client.rest()
        counting.cancel()
        assert turns > 500


# ---- time


async def test_an_idle_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection is closed after a short time, without a response or a log line."""
    monkeypatch.setattr(stream, "KEEP_ALIVE_S", 0.2)
    async with serving() as server, connected(server) as client:
        await client.ask("/healthz")
        assert await client.rest() == b""


@pytest.mark.parametrize("before", [b"", request("/healthz")], ids=["the first", "a later one"])
async def test_a_slow_request_is_cut_off(before: bytes) -> None:
    """A request that is sent too slowly gets 408, whether it is the first on its connection or a later one."""
    async with serving(Settings(port=0, handshake_s=0.3)) as server, connected(server) as client:
        client.send(before)
        if before:
            await client.reply()
        sending = asyncio.create_task(_send_slowly(client, request("/healthz", "GET", "X: " + "a" * 5000)))
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (408, "close")
        sending.cancel()


async def _send_slowly(client: RawClient, data: bytes) -> None:
    for i in range(len(data)):
        client.send(data[i : i + 1])
        await asyncio.sleep(0.01)


async def test_a_slow_body_is_cut_off() -> None:
    """A body that is sent too slowly gets 408 as well."""
    async with serving(Settings(port=0, handshake_s=0.3), UPLOADS) as server, connected(server) as client:
        client.send(request("/echo", "POST", "Content-Length: 500"))
        assert (await client.reply()).status == 408


async def test_silence_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """A connection without any request is closed after a time, with one line in the log."""
    caplog.set_level(logging.INFO)
    async with serving(Settings(port=0, handshake_s=0.2)) as server, connected(server) as client:
        assert await client.rest() == b""
    assert [r.getMessage() for r in caplog.records if "client 127" in r.getMessage()] == [
        "client 127.0.0.1: no request came: closed, or too slow"
    ]


async def test_a_monitor_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Who asks for the health again and again causes no line in the log, also while the daemon is degraded."""
    caplog.set_level(logging.INFO)
    async with serving() as server, connected(server) as client:
        assert (await client.ask("/healthz")).status == 200
        server.hub.notify("stuck", "It hangs.")
        for _ in range(3):
            assert (await client.ask("/healthz")).status == 503
    assert [r.getMessage() for r in caplog.records if "client 127" in r.getMessage()] == []


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not read its response is disconnected after a time."""
    monkeypatch.setattr(stream, "SEND_S", 0.2)
    monkeypatch.setattr(connection, "FLUSH_S", 0.2)
    large = Response(HTTPStatus.OK, "text/plain", bytes(50_000_000))  # more than the kernel takes
    extensions = Extensions(api=Api({}, lambda path: large if path == "/large" else None))
    async with serving(extensions=extensions) as server, connected(server) as client:
        client.writer.transport.pause_reading()
        client.send(request("/large"))
        await asyncio.sleep(0.1)
        assert server.connections == 1
        async with asyncio.timeout(10):
            while server.connections:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)


# ---- methods


@pytest.mark.parametrize("target", ["/", "/healthz", "/transcript.json", "/nothing", "/captions"])
async def test_head(target: str) -> None:
    """``HEAD`` gets the response to ``GET`` without the body; uptime monitors use it."""
    async with serving() as server, connected(server) as client:
        full, head = await client.ask(target), await client.ask(target, "HEAD")
        assert (head.status, head.headers) == (full.status, full.headers)
        assert int(head.headers["content-length"]) == len(full.body)
        assert head.body == b""
        assert (await client.ask("/healthz")).status == 200, "nothing of a body was sent"


async def test_methods() -> None:
    """``OPTIONS`` lists the methods and has no body, on other protocols' paths too; others get 405 with the list."""
    openai = "/v1/audio/transcriptions"
    extensions = Extensions(api=Api({openai: echo}, lambda _: None), translate_error=translate_error)
    async with serving(extensions=extensions) as server, connected(server) as client:
        for target, allowed, other in (("/", "GET, HEAD, OPTIONS", "DELETE"), (openai, "POST, OPTIONS", "GET")):
            options = await client.ask(target, "OPTIONS")
            assert (options.status, options.headers["allow"], options.body) == (204, allowed, b"")
            assert "content-length" not in options.headers
            refused = await client.ask(target, other)
            assert (refused.status, refused.headers["allow"]) == (405, allowed)


async def test_options_permits_nothing() -> None:
    """A page from another origin is refused in its preflight request as in any other."""
    async with serving() as server, connected(server) as client:
        asked = ("Origin: https://evil.example", "Access-Control-Request-Method: GET")
        refused = await client.ask("/transcript.txt", "OPTIONS", *asked)
        assert refused.status == 403
        assert not [name for name in refused.headers if name.startswith("access-control")]


# ---- errors


async def test_errors_have_one_shape(caplog: pytest.LogCaptureFixture) -> None:
    """Input that is not HTTP, too long or not allowed gets a text, the usual headers, and a line in the log."""
    caplog.set_level(logging.INFO)
    inputs = {
        b"nonsense\r\n": 400,
        b"GET / HTTP/2.0\r\n": 400,
        b"\x16\x03\x01\x02": 400,
        b"GET /" + b"a" * 10_000: 414,
        request("/", "GET", "X: " + "a" * 10_000): 431,
        request("/", "GET", *["X: a"] * 128): 431,
        request("/", "BREW", "Connection: close"): 405,
    }
    async with serving() as server:
        for data, status in inputs.items():
            async with connected(server) as client:
                client.send(data)
                reply = await client.reply()
                assert (reply.status, reply.headers["content-type"]) == (status, "text/plain; charset=utf-8")
                assert reply.headers["x-content-type-options"] == "nosniff"
                assert len(reply.body) < 500
                assert await client.rest() == b""
        lines = [r.getMessage() for r in caplog.records if "client 127" in r.getMessage()]
        assert [
            line.startswith(f"client 127.0.0.1: refused with {s}: ")
            for line, s in zip(lines, inputs.values(), strict=True)
        ]


async def test_a_bug_is_an_error_like_others(caplog: pytest.LogCaptureFixture) -> None:
    """An error in a handler is logged; its client gets 500, and others are not affected."""
    async with serving(extensions=UPLOADS) as server, connected(server) as client:
        client.send(post("/fail", b""))
        assert (await client.reply()).status == 500
        async with connected(server) as other:
            assert (await other.ask("/healthz")).status == 200
    assert "a bug" in caplog.text


async def test_errors_in_the_words_of_their_clients() -> None:
    """Each error has the format of the protocol that its path belongs to."""

    def translate(path: str, response: Response) -> Response:
        return text_response(response.status, f"{path}: oh") if path == "/echo" else response

    extensions = Extensions(api=UPLOADS.api, translate_error=translate)
    async with serving(Settings(port=0, max_per_address=3), extensions) as server:
        for sent in (
            request("/echo"),
            post("/echo", b"x" * 2000),
            request("/echo", "POST", "Origin: http://b.example"),
        ):
            async with connected(server) as client:
                client.send(sent)
                assert (await client.reply()).body == b"/echo: oh"
        async with AsyncExitStack() as stack, connected(server) as client:
            for _ in range(3):
                await stack.enter_async_context(connect(f"{server.url.replace('http', 'ws')}captions"))
            reply = await client.ask("/echo", "POST")
            assert (reply.status, reply.body) == (503, b"/echo: oh")
            assert await client.rest() == b""


# ---- bodies


async def test_a_body_that_waits_for_permission() -> None:
    """``100 Continue`` is sent if the body is accepted, and not if the request is refused."""
    async with serving(extensions=UPLOADS) as server, connected(server) as client:
        client.send(request("/echo", "POST", "Content-Length: 5", "Expect: 100-continue"))
        assert (await client.reply()).status == 100
        client.send(b"hello")
        assert (await client.reply()).body == b"hello"
        assert (await client.ask("/echo", "POST", "Content-Length: 2000", "Expect: 100-continue")).status == 413
        assert await client.rest() == b""


@pytest.mark.parametrize("sent", [request("/healthz"), post("/echo", b"hello")], ids=["page", "upload"])
async def test_a_half_closed_connection_gets_its_response(sent: bytes) -> None:
    """A client that closes its sending direction after its request receives the response."""
    async with serving(extensions=UPLOADS) as server, connected(server) as client:
        client.send(sent)
        client.writer.write_eof()
        assert (await client.reply()).status == 200
        assert await client.rest() == b""


# ---- WebSockets


async def test_a_connection_becomes_a_websocket() -> None:
    """A connection may be upgraded after several requests, and the first frame may be sent with the handshake."""
    async with serving() as server, connected(server) as client:
        assert (await client.ask("/healthz")).status == 200
        client.send(request("/captions", "GET", *UPGRADE) + PING)
        async with asyncio.timeout(20):
            received = b""
            while not all(part in received for part in (b"HTTP/1.1 101", b'"hello"', PONG)):
                received += await client.reader.read(65536)
        assert server.connections == server.hub.viewers == 1
        assert not server.server._http.connections, "it is HTTP's no more"


async def test_half_a_handshake_is_refused() -> None:
    """An incomplete handshake is refused, as is one with a body or with HTTP/1.0."""
    async with serving() as server:
        inputs = {
            request("/captions", "GET", *UPGRADE[:2]): 400,
            request("/captions", "GET", UPGRADE[0]): 426,
            request("/captions", "GET", *UPGRADE, "Content-Length: 1") + b"x": 400,
            request("/captions", "GET", *UPGRADE, "Transfer-Encoding: chunked") + b"0\r\n\r\n": 400,
            request("/captions", "GET", *UPGRADE).replace(b"HTTP/1.1", b"HTTP/1.0"): 505,
            request("/captions", "HEAD", *UPGRADE): 426,
            request("/captions", "POST", *UPGRADE): 405,
        }
        for data, status in inputs.items():
            async with connected(server) as client:
                client.send(data)
                assert (await client.reply("HEAD")).status == status


async def test_a_client_that_leaves_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Clients that reset the connection right after a handshake or a request leave nothing behind."""
    async with serving(extensions=UPLOADS) as server:
        for sent in (request("/captions", "GET", *UPGRADE), request("/"), post("/wait", b""), b"GET"):
            for _ in range(20):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(sent)
                writer.transport.abort()
        async with asyncio.timeout(20):
            while server.connections > 20 or server.hub.viewers:  # noqa: ASYNC110 - nothing tells; those of /wait are not waiting for their client
                await asyncio.sleep(0.01)
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_compression_and_size_are_as_they_were() -> None:
    """Compression is not negotiated, and a message that is too large closes the connection."""
    async with serving() as server, connect(server.url.replace("http", "ws") + "captions") as viewer:
        assert viewer.protocol.extensions == []
        (made,) = server.server._websockets.connections
        assert made.protocol.max_message_size == websocket.MAX_MESSAGE
        assert made.write_limit_high == websocket.WRITE_BUFFER


# ---- the end


async def test_stopping() -> None:
    """A server that stops closes idle connections; a client with a full or partial request gets 503."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(extensions=UPLOADS))
        idle, waiting, begun = [await stack.enter_async_context(connected(server)) for _ in range(3)]
        waiting.send(post("/wait", b""))
        begun.send(b"GET / HTTP/1.1\r\n")
        for _ in range(5):
            await idle.ask("/healthz")  # meanwhile the server reads what the others have sent
        async with asyncio.timeout(4):
            await server.server.drain()
        assert await idle.rest() == b""
        replies: list[Reply] = [await waiting.reply(), await begun.reply()]
        assert [(reply.status, reply.body) for reply in replies] == [(503, b"the daemon stops\n")] * 2
