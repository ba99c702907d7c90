"""Requests with a body, on the one port: a connection that begins with ``POST`` is taken over from websockets.

websockets reads no bodies, and answers none of its requests that has one.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from streamstt.compat.openai.errors import is_openai_path, to_openai_error
from streamstt.server.access import AccessRequest, Role
from streamstt.server.http.request import CHUNK, Handler, HttpError, HttpRequest
from streamstt.server.http.response import Answer


@dataclass(slots=True)
class HandedOver:
    """A connection as websockets hands it over.

    Attributes:
        transport: It.
        head: The bytes that came.
        address: Of the client.
        over_limit_reason: Why it is one too many, or empty.
        on_closed: To be called when it is over.
        log_abuse: Takes what it did wrong.
    """

    transport: asyncio.Transport
    head: bytes
    address: str
    over_limit_reason: str
    on_closed: Callable[[], None]
    log_abuse: Callable[[str], None] = field(repr=False)


class BodyServer:
    """Serves all of them; each has a task, which the office holds and ends."""

    def __init__(
        self, handlers: Mapping[str, Handler], route: Callable[[AccessRequest, str], Role | Answer], timeout_s: float
    ) -> None:
        """Nobody is here.

        Args:
            handlers: What serves each path.
            route: The rules of access, as for any other request.
            timeout_s: Time for a request without its body.
        """
        self._handlers = handlers
        self._route = route
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, caller: HandedOver) -> None:
        """Takes a connection over, whose transport gets another protocol."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(CHUNK, loop)
        protocol = asyncio.StreamReaderProtocol(reader)
        caller.transport.set_protocol(protocol)
        protocol.connection_made(caller.transport)
        reader.feed_data(caller.head)
        writer = asyncio.StreamWriter(caller.transport, protocol, reader, loop)
        task = loop.create_task(self._serve(caller, HttpRequest(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """The daemon stops: whoever has no answer yet is told so."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, caller: HandedOver, post: HttpRequest) -> None:
        try:
            await self._respond(caller, post)
            if post.status and post.status >= HTTPStatus.BAD_REQUEST:
                await post.discard_rest()
        except ConnectionError as problem:
            caller.log_abuse(f"an upload ended: {problem}")
        except asyncio.CancelledError:
            if post.status is None:
                with suppress(ConnectionError):
                    await _send_error(post, HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon stops"))
            raise
        finally:
            caller.transport.close()
            caller.on_closed()

    async def _respond(self, caller: HandedOver, post: HttpRequest) -> None:
        try:
            await post.read_head(self._timeout_s)
            if caller.over_limit_reason:
                raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, f"{caller.over_limit_reason}.")
            here = str(caller.transport.get_extra_info("sockname")[0])
            verdict = self._route(_access_request(post, here), "POST")
            if isinstance(verdict, Answer):
                await post.respond(verdict)
                reason = verdict.body.decode().partition("\n")[0]
            else:
                await self._handlers[_request_path(post)](post)
                reason = _request_path(post)
        except HttpError as problem:
            await _send_error(post, problem)
            reason = str(problem)
        if post.status and post.status >= HTTPStatus.BAD_REQUEST and post.status is not HTTPStatus.NOT_FOUND:
            caller.log_abuse(f"refused with {post.status.value}: {reason}")


def _request_path(post: HttpRequest) -> str:
    return post.target.partition("?")[0]


async def _send_error(post: HttpRequest, problem: HttpError) -> None:
    await post.respond(to_openai_error(problem.response) if is_openai_path(_request_path(post)) else problem.response)


def _access_request(post: HttpRequest, here: str) -> AccessRequest:
    first = {name: next(iter(post.headers(name)), "") for name in ("authorization", "cookie")}
    return AccessRequest(
        post.target, post.headers("host"), post.headers("origin"), first["authorization"], first["cookie"], here
    )
