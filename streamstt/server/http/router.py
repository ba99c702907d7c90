"""What a request gets: the rules of access first, then the pages. Pure: no socket."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from streamstt.compat.openai.errors import in_their_words, speaks_openai
from streamstt.config.compat import SWITCHES
from streamstt.hub.protocol import to_json
from streamstt.server.access import NATIVE, NOBODY, Guard, Refusal, Role, Visit, query_token, without_token
from streamstt.server.http.pages import PAGES, Routes
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Answer, plain

COOKIE_DAYS = 30


class Reception:
    """Guard and pages together."""

    def __init__(
        self,
        guard: Guard,
        routes: Routes,
        foreign: Iterable[str] = (),
        api: Api = NO_API,
        elsewhere: Callable[[str], Answer | None] = lambda _: None,
    ) -> None:
        """Sets the rules.

        Args:
            guard: The rules of access.
            routes: What plain requests get.
            foreign: Paths beside the native ones that speak WebSocket.
            api: What is served of other programs' HTTP.
            elsewhere: Why a path is not served here, or not now.
        """
        self.guard = guard
        self._sockets = {*NATIVE, *foreign}
        self._routes = routes
        self._api = api
        self._elsewhere = elsewhere

    def receive(self, visit: Visit, method: str = "GET") -> Role | Answer:
        """The answer to a request, or the roles of a client whose WebSocket may open.

        ``NOBODY`` is a client that has to send its token as the first message. Roles for a ``POST`` say that its body
        may come.
        """
        answer = self._receive(visit, method)
        return in_their_words(answer) if isinstance(answer, Answer) and speaks_openai(visit.path) else answer

    def _receive(self, visit: Visit, method: str) -> Role | Answer:
        verdict = self.guard.judge(visit)
        if isinstance(verdict, Refusal):
            wanted = {"WWW_Authenticate": "Bearer"} if verdict.status is HTTPStatus.UNAUTHORIZED else {}
            return plain(verdict.status, f"{verdict.text}\n", **wanted)
        path = visit.target.partition("?")[0]
        if elsewhere := self._elsewhere(path):
            return elsewhere
        if path in self._api.posters:
            return verdict if method == "POST" else _only("POST")
        if method != "GET":
            return self._absent(path) if path in SWITCHES and not self._api.page(path) else _only("GET")
        return self._get(visit, path, verdict)

    def _get(self, visit: Visit, path: str, verdict: Role) -> Role | Answer:
        if path in self._sockets:
            return verdict if visit.socket else _upgrade(path)
        if answer := self._api.page(path):
            return answer
        if path in SWITCHES or (visit.socket and verdict is NOBODY):
            return self._absent(path)
        if self.guard.keys and path in PAGES and (token := query_token(visit.target)):
            return self._remember(visit, token)
        answer = self._routes.answer(visit.target)
        return _brief(answer) if verdict is NOBODY else answer

    def _absent(self, path: str) -> Answer:
        if path in SWITCHES:
            return plain(HTTPStatus.NOT_FOUND, f"{path} is switched off; {SWITCHES[path]} = true switches it on.\n")
        return plain(HTTPStatus.NOT_FOUND, f"WebSocket: {', '.join(sorted(self._sockets))}.\n")

    def _remember(self, visit: Visit, token: str) -> Answer:
        """The token goes into a cookie, out of the address that people see, share and bookmark.

        ``Lax``, not ``Strict``: a link from a chat or mail would arrive at the page without it. Other sites' requests
        and sockets come without it all the same.
        """
        attributes = f"Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
        cookie = f"{self.guard.cookie}={token}; {attributes}{'; Secure' if self.guard.secure else ''}"
        place = without_token(visit.target)
        return plain(HTTPStatus.SEE_OTHER, f"See {place}\n", Location=place, Set_Cookie=cookie)


def _only(method: str) -> Answer:
    return plain(HTTPStatus.METHOD_NOT_ALLOWED, f"Only {method} is understood here.\n", Allow=method)


def _upgrade(path: str) -> Answer:
    return plain(HTTPStatus.UPGRADE_REQUIRED, f"{path} speaks WebSocket only.\n", Upgrade="websocket")


def _brief(answer: Answer) -> Answer:
    """Health for anybody: the status word, not the sources' names or what is wrong with them."""
    try:
        word = json.loads(answer.body)["status"]
    except (ValueError, TypeError, KeyError):
        word = "ready" if answer.status is HTTPStatus.OK else "degraded"
    return Answer(answer.status, "application/json", (to_json({"status": word}) + "\n").encode())
