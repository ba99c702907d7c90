"""Requests with a body, on the one port: a connection that begins with ``POST`` is taken over from websockets.

websockets reads no bodies. What it does not do here h11 does: it is told bytes, and tells what they mean.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

from streamstt.serve.access import Role, Visit
from streamstt.serve.routes import HEADERS, Answer, plain

CHUNK = 2**16  # bytes that are read at once; twice as much may wait, then the client has to
MAX_HEAD = 2**14  # bytes of a request without its body
GRACE_S, LEAST_RATE = 10.0, 8192  # a body may come no slower than this many bytes a second, after a while
SEND_S = 30.0  # a client that does not take its answer for so long is gone
LINGER_S = 10.0  # for so long the rest of a refused body is taken, else its sender would see an error in place of why
IDLE_S = 2.0  # ... and for so long without any of it


class PostError(Exception):
    """A request that cannot be served; the message is for its sender."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def answer(self) -> Answer:
        """What it gets."""
        return plain(self.status, f"{self}\n")


class Post:
    """One request, and the way back to its sender.

    Attributes:
        target: Path and query.
        status: Of the answer; None: none was begun.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nothing is read yet.

        Args:
            reader: What the client sends.
            writer: What it gets.
        """
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._reader = reader
        self._writer = writer
        self.target = ""
        self.status: HTTPStatus | None = None
        self._headers: list[tuple[str, str]] = []

    def headers(self, name: str) -> tuple[str, ...]:
        """Every header of this name, which is in lower case."""
        return tuple(value for key, value in self._headers if key == name)

    async def open(self, within_s: float) -> None:
        """Reads all but the body.

        Raises:
            PostError: It is no request, or does not come in time.
            ConnectionError: The client has gone.
        """
        try:
            async with asyncio.timeout(within_s):
                event = await self._next()
        except TimeoutError:
            raise PostError(HTTPStatus.REQUEST_TIMEOUT, f"no whole request came within {within_s:g} s") from None
        if not isinstance(event, h11.Request):
            raise ConnectionError("closed before a request")
        self.target = event.target.decode("latin-1")
        self._headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers]

    async def body(self, most: int) -> AsyncIterator[bytes]:
        """The body, in pieces.

        Args:
            most: Bytes that it may have.

        Raises:
            PostError: It is too long, too slow, or no HTTP.
            ConnectionError: The client has gone.
        """
        if max((int(size) for size in self.headers("content-length")), default=0) > most:
            raise _too_large(most)
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._writer.write(self._http.send(go_on) or b"")
        begun, size = time.monotonic(), 0
        while True:
            left = begun + GRACE_S + size / LEAST_RATE - time.monotonic()
            try:
                async with asyncio.timeout(left):
                    event = await self._next()
            except TimeoutError:
                text = f"the body comes too slowly: less than {LEAST_RATE} bytes a second"
                raise PostError(HTTPStatus.REQUEST_TIMEOUT, text) from None
            if not isinstance(event, h11.Data):
                return
            size += len(event.data)
            if size > most:
                raise _too_large(most)
            yield bytes(event.data)

    async def left(self) -> None:
        """Waits until the client goes away, which it may do at any time; the body has been read.

        Raises:
            ConnectionError: It has.
        """
        while await self._reader.read(CHUNK):
            pass  # nothing that follows is served
        raise ConnectionError("the client has left")

    async def answer(self, answer: Answer) -> None:
        """Answers as a whole."""
        length = ("Content-Length", str(len(answer.body)))
        self._begin(answer.status, [("Content-Type", answer.content_type), length, *answer.headers])
        await self.send(answer.body)
        await self.end()

    async def stream(self, content_type: str) -> None:
        """Begins an answer whose parts come one by one, by ``send`` until ``end``."""
        self._begin(HTTPStatus.OK, [("Content-Type", content_type)])
        await self.send(b"")

    async def send(self, data: bytes) -> None:
        """Sends a part of the answer.

        Raises:
            ConnectionError: The client has gone, or does not read.
        """
        self._writer.write(self._http.send(h11.Data(data=data)) or b"")
        await self._drain()

    async def end(self) -> None:
        """The answer is complete."""
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        await self._drain()

    async def linger(self) -> None:
        """Takes what is still coming of a body that nobody wants, for a while, so that its sender can read why."""
        if self._http.their_state is not h11.SEND_BODY or self._writer.is_closing():
            return
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await asyncio.wait_for(self._reader.read(CHUNK), IDLE_S):
                    pass

    def _begin(self, status: HTTPStatus, headers: list[tuple[str, str]]) -> None:
        self.status = status
        every = [*HEADERS.items(), *headers, ("Connection", "close")]
        response = h11.Response(status_code=status.value, reason=status.phrase, headers=every)
        self._writer.write(self._http.send(response) or b"")

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._writer.drain()
        except TimeoutError:
            raise ConnectionError(f"the client took nothing for {SEND_S:g} s") from None

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(CHUNK)
                if not data:
                    raise ConnectionError("closed in the middle of a request")
                self._http.receive_data(data)
        except h11.RemoteProtocolError as problem:
            raise PostError(HTTPStatus(problem.error_status_hint), f"that is no HTTP: {problem}") from problem
        return event


def _too_large(most: int) -> PostError:
    text = f"the body may have {most} bytes ({most / 1e6:g} MB, compat.max_upload_mb)"
    return PostError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


Poster = Callable[[Post], Awaitable[None]]
"""Serves a request that was let in."""


@dataclass(slots=True)
class Caller:
    """A connection as websockets hands it over.

    Attributes:
        transport: It.
        head: The bytes that came.
        address: Of the client.
        crowded: Why it is one too many, or empty.
        leave: To be called when it is over.
        complain: Takes what it did wrong.
    """

    transport: asyncio.Transport
    head: bytes
    address: str
    crowded: str
    leave: Callable[[], None]
    complain: Callable[[str], None] = field(repr=False)


class PostOffice:
    """Serves all of them; each has a task, which the office holds and ends."""

    def __init__(
        self, posters: Mapping[str, Poster], receive: Callable[[Visit, str], Role | Answer], within_s: float
    ) -> None:
        """Nobody is here.

        Args:
            posters: What serves each path.
            receive: The rules of access, as for any other request.
            within_s: Time for a request without its body.
        """
        self._posters = posters
        self._receive = receive
        self._within_s = within_s
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, caller: Caller) -> None:
        """Takes a connection over, whose transport gets another protocol."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(CHUNK, loop)
        protocol = asyncio.StreamReaderProtocol(reader)
        caller.transport.set_protocol(protocol)
        protocol.connection_made(caller.transport)
        reader.feed_data(caller.head)
        writer = asyncio.StreamWriter(caller.transport, protocol, reader, loop)
        task = loop.create_task(self._serve(caller, Post(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """The daemon stops: whoever has no answer yet is told so."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, caller: Caller, post: Post) -> None:
        try:
            await self._answer(caller, post)
            if post.status and post.status >= HTTPStatus.BAD_REQUEST:
                await post.linger()
        except ConnectionError as problem:
            caller.complain(f"an upload ended: {problem}")
        except asyncio.CancelledError:
            if post.status is None:
                with suppress(ConnectionError, h11.LocalProtocolError):
                    await post.answer(plain(HTTPStatus.SERVICE_UNAVAILABLE, "The daemon stops.\n"))
            raise
        finally:
            caller.transport.close()
            caller.leave()

    async def _answer(self, caller: Caller, post: Post) -> None:
        try:
            await post.open(self._within_s)
            if caller.crowded:
                raise PostError(HTTPStatus.SERVICE_UNAVAILABLE, f"{caller.crowded}.")
            here = str(caller.transport.get_extra_info("sockname")[0])
            verdict = self._receive(_visit(post, here), "POST")
            if isinstance(verdict, Answer):
                await post.answer(verdict)
                reason = verdict.body.decode().partition("\n")[0]
            else:
                await self._posters[post.target.partition("?")[0]](post)
                reason = ""
        except PostError as problem:
            await post.answer(problem.answer)
            reason = str(problem)
        if reason and post.status is not HTTPStatus.NOT_FOUND and post.status:
            caller.complain(f"refused with {post.status.value}: {reason}")


def _visit(post: Post, here: str) -> Visit:
    first = {name: next(iter(post.headers(name)), "") for name in ("authorization", "cookie")}
    return Visit(post.target, post.headers("host"), post.headers("origin"), first["authorization"], first["cookie"], here)
