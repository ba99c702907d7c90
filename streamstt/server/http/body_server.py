"""Requests with a body, on the one port: a connection that begins with ``POST`` is taken over from websockets.

websockets reads no bodies, and answers none of its requests that has one.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from streamstt.compat.openai.errors import in_their_words, speaks_openai
from streamstt.server.access import Role, Visit
from streamstt.server.http.request import CHUNK, Post, Poster, PostError
from streamstt.server.http.response import Answer


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
                with suppress(ConnectionError):
                    await _refuse(post, PostError(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon stops"))
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
                await self._posters[_path(post)](post)
                reason = _path(post)
        except PostError as problem:
            await _refuse(post, problem)
            reason = str(problem)
        if post.status and post.status >= HTTPStatus.BAD_REQUEST and post.status is not HTTPStatus.NOT_FOUND:
            caller.complain(f"refused with {post.status.value}: {reason}")


def _path(post: Post) -> str:
    return post.target.partition("?")[0]


async def _refuse(post: Post, problem: PostError) -> None:
    await post.answer(in_their_words(problem.answer) if speaks_openai(_path(post)) else problem.answer)


def _visit(post: Post, here: str) -> Visit:
    first = {name: next(iter(post.headers(name)), "") for name in ("authorization", "cookie")}
    return Visit(
        post.target, post.headers("host"), post.headers("origin"), first["authorization"], first["cookie"], here
    )
