"""What a request gets: the rules of access first, then the pages. Pure: no socket."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from streamstt.compat.openai.errors import is_openai_path, to_openai_error
from streamstt.config.compat import SETTING_BY_PATH
from streamstt.hub.protocol import to_json
from streamstt.server.access import (
    NATIVE_PATHS,
    NO_ROLE,
    AccessPolicy,
    AccessRequest,
    Refusal,
    Role,
    query_token,
    strip_token,
)
from streamstt.server.http.pages import PAGES, Pages
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Answer, text_response

COOKIE_DAYS = 30


class Router:
    """Guard and pages together."""

    def __init__(
        self,
        policy: AccessPolicy,
        pages: Pages,
        compat_paths: Iterable[str] = (),
        api: Api = NO_API,
        unavailable: Callable[[str], Answer | None] = lambda _: None,
    ) -> None:
        """Sets the rules.

        Args:
            policy: The rules of access.
            pages: What plain requests get.
            compat_paths: Paths beside the native ones that speak WebSocket.
            api: What is served of other programs' HTTP.
            unavailable: Why a path is not served here, or not now.
        """
        self.policy = policy
        self._websocket_paths = {*NATIVE_PATHS, *compat_paths}
        self._pages = pages
        self._api = api
        self._unavailable = unavailable

    def route(self, request: AccessRequest, method: str = "GET") -> Role | Answer:
        """The answer to a request, or the roles of a client whose WebSocket may open.

        ``NO_ROLE`` is a client that has to send its token as the first message. Roles for a ``POST`` say that its body
        may come.
        """
        answer = self._route(request, method)
        return to_openai_error(answer) if isinstance(answer, Answer) and is_openai_path(request.path) else answer

    def _route(self, request: AccessRequest, method: str) -> Role | Answer:
        verdict = self.policy.check(request)
        if isinstance(verdict, Refusal):
            wanted = {"WWW_Authenticate": "Bearer"} if verdict.status is HTTPStatus.UNAUTHORIZED else {}
            return text_response(verdict.status, f"{verdict.text}\n", **wanted)
        path = request.target.partition("?")[0]
        if elsewhere := self._unavailable(path):
            return elsewhere
        if path in self._api.post_handlers:
            return verdict if method == "POST" else _method_not_allowed("POST")
        if method != "GET":
            return (
                self._not_found(path)
                if path in SETTING_BY_PATH and not self._api.get_response(path)
                else _method_not_allowed("GET")
            )
        return self._get(request, path, verdict)

    def _get(self, request: AccessRequest, path: str, verdict: Role) -> Role | Answer:
        if path in self._websocket_paths:
            return verdict if request.is_websocket else _upgrade_required(path)
        if answer := self._api.get_response(path):
            return answer
        if path in SETTING_BY_PATH or (request.is_websocket and verdict is NO_ROLE):
            return self._not_found(path)
        if self.policy.token_set and path in PAGES and (token := query_token(request.target)):
            return self._set_token_cookie(request, token)
        answer = self._pages.respond(request.target)
        return _redact_health(answer) if verdict is NO_ROLE else answer

    def _not_found(self, path: str) -> Answer:
        if path in SETTING_BY_PATH:
            return text_response(
                HTTPStatus.NOT_FOUND, f"{path} is switched off; {SETTING_BY_PATH[path]} = true switches it on.\n"
            )
        return text_response(HTTPStatus.NOT_FOUND, f"WebSocket: {', '.join(sorted(self._websocket_paths))}.\n")

    def _set_token_cookie(self, request: AccessRequest, token: str) -> Answer:
        """The token goes into a cookie, out of the address that people see, share and bookmark.

        ``Lax``, not ``Strict``: a link from a chat or mail would arrive at the page without it. Other sites' requests
        and sockets come without it all the same.
        """
        attributes = f"Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
        cookie = f"{self.policy.cookie_name}={token}; {attributes}{'; Secure' if self.policy.secure else ''}"
        place = strip_token(request.target)
        return text_response(HTTPStatus.SEE_OTHER, f"See {place}\n", Location=place, Set_Cookie=cookie)


def _method_not_allowed(method: str) -> Answer:
    return text_response(HTTPStatus.METHOD_NOT_ALLOWED, f"Only {method} is understood here.\n", Allow=method)


def _upgrade_required(path: str) -> Answer:
    return text_response(HTTPStatus.UPGRADE_REQUIRED, f"{path} speaks WebSocket only.\n", Upgrade="websocket")


def _redact_health(response: Answer) -> Answer:
    """Health for anybody: the status word, not the sources' names or what is wrong with them."""
    try:
        word = json.loads(response.body)["status"]
    except (ValueError, TypeError, KeyError):
        word = "ready" if response.status is HTTPStatus.OK else "degraded"
    return Answer(response.status, "application/json", (to_json({"status": word}) + "\n").encode())
