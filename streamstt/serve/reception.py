"""What a request gets: the rules of access first, then the pages. Pure: no socket."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from streamstt.serve.access import NATIVE, NOBODY, Guard, Refusal, Role, Visit, query_token, without_token
from streamstt.serve.protocol import to_json
from streamstt.serve.routes import PAGES, Answer, Routes, plain

COOKIE_DAYS = 30


class Reception:
    """Guard and pages together."""

    def __init__(
        self,
        guard: Guard,
        routes: Routes,
        foreign: Iterable[str] = (),
        absent: Callable[[str], Answer | None] = lambda _: None,
    ) -> None:
        """Sets the rules.

        Args:
            guard: The rules of access.
            routes: What plain requests get.
            foreign: Paths beside the native ones that speak WebSocket.
            absent: Why a path is not served here, or not now.
        """
        self.guard = guard
        self._sockets = {*NATIVE, *foreign}
        self._routes = routes
        self._absent = absent

    def receive(self, visit: Visit, method: str = "GET") -> Role | Answer:
        """The answer to a request, or the roles of a client whose WebSocket may open.

        ``NOBODY`` is a client that has to send its token as the first message.
        """
        verdict = self.guard.judge(visit)
        if isinstance(verdict, Refusal):
            wanted = {"WWW_Authenticate": "Bearer"} if verdict.status is HTTPStatus.UNAUTHORIZED else {}
            return plain(verdict.status, f"{verdict.text}\n", **wanted)
        if method != "GET":
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is understood here.\n", Allow="GET")
        path = visit.target.partition("?")[0]
        absent = self._absent(path)
        if absent or path in self._sockets:
            return absent or (verdict if visit.socket else _upgrade(path))
        if visit.socket and verdict is NOBODY:
            return plain(HTTPStatus.NOT_FOUND, f"WebSocket: {', '.join(sorted(self._sockets))}.\n")
        if self.guard.keys and path in PAGES and (token := query_token(visit.target)):
            return self._remember(visit, token)
        answer = self._routes.answer(visit.target)
        return _brief(answer) if verdict is NOBODY else answer

    def _remember(self, visit: Visit, token: str) -> Answer:
        """The token goes into a cookie, out of the address that people see, share and bookmark.

        ``Lax``, not ``Strict``: a link from a chat or mail would arrive at the page without it. Other sites' requests
        and sockets come without it all the same.
        """
        attributes = f"Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
        cookie = f"{self.guard.cookie}={token}; {attributes}{'; Secure' if self.guard.secure else ''}"
        place = without_token(visit.target)
        return plain(HTTPStatus.SEE_OTHER, f"See {place}\n", Location=place, Set_Cookie=cookie)


def _upgrade(path: str) -> Answer:
    return plain(HTTPStatus.UPGRADE_REQUIRED, f"{path} speaks WebSocket only.\n", Upgrade="websocket")


def _brief(answer: Answer) -> Answer:
    """Health for anybody: the status word, not the sources' names or what is wrong with them."""
    try:
        word = json.loads(answer.body)["status"]
    except (ValueError, TypeError, KeyError):
        word = "ready" if answer.status is HTTPStatus.OK else "degraded"
    return Answer(answer.status, "application/json", (to_json({"status": word}) + "\n").encode())
