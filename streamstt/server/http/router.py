"""Routes requests: the access rules first, then third-party HTTP APIs, then the pages. Pure: no socket."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus

from streamstt.config.compat import SETTING_BY_PATH
from streamstt.hub.protocol import ClientError, to_json
from streamstt.server.access import (
    NATIVE_PATHS,
    NO_ROLE,
    PUBLIC_PATHS,
    AccessPolicy,
    AccessRequest,
    Refusal,
    Role,
    query_token,
    strip_token,
)
from streamstt.server.http.guest_pages import NO_GUESTS, token_form
from streamstt.server.http.pages import PAGES, Pages
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Download, Response, text_response, untranslated
from streamstt.server.requests import parse_query

CONNECTION_PATH = "/connection"  # says why a page cannot open a WebSocket, which a browser does not tell it
COOKIE_DAYS = 30
RETRY_S = "10"  # value of the header Retry-After
READ_METHODS = ("GET", "HEAD", "OPTIONS")
POST_METHODS = ("POST", "OPTIONS")


class Router:
    """Applies the access rules and finds what serves a request.

    Attributes:
        policy: The access rules.
        guests: Responses for guests, and those who invite them.
    """

    def __init__(
        self,
        policy: AccessPolicy,
        pages: Pages,
        compat_paths: Iterable[str] = (),
        api: Api = NO_API,
        unavailable: Callable[[str], Response | None] = lambda _: None,
        translate_error: Callable[[str, Response], Response] = untranslated,
    ) -> None:
        """Sets what is served.

        Args:
            policy: The access rules.
            pages: Responses to plain requests.
            compat_paths: WebSocket paths beside the native ones.
            api: Third-party HTTP APIs.
            unavailable: Returns a response for paths that cannot be served here, or not now; else None.
            translate_error: Phrases an error as the clients of its path expect it.
        """
        self.policy = policy
        self._websocket_paths = {*NATIVE_PATHS, *compat_paths}
        self._pages = pages
        self._api = api
        self._unavailable = unavailable
        self._translate_error = translate_error
        self.guests = NO_GUESTS

    def route(self, request: AccessRequest, method: str = "GET") -> Role | Response | Download:
        """Returns the response to a request, the file to be sent, or the roles of a client whose WebSocket may open.

        ``NO_ROLE`` is a client that has to send its token as the first message. Roles for a ``POST`` mean that its body
        may be read. ``HEAD`` gets the response to ``GET``, whose body is not sent.
        """
        verdict = self._route(request, method)
        return self._translate_error(request.path, verdict) if isinstance(verdict, Response) else verdict

    def _route(self, request: AccessRequest, method: str) -> Role | Response | Download:
        verdict = self.policy.check(request)
        path = request.target.partition("?")[0]
        if isinstance(verdict, Refusal):
            is_report = path == CONNECTION_PATH and verdict.needs_token
            return _problem(verdict.text) if is_report else self._refused(request, verdict)
        if response := self._unavailable(path):
            return response
        is_upload = path in self._api.post_handlers
        if path in SETTING_BY_PATH and not (is_upload or path in self._websocket_paths or self._api.get_response(path)):
            return self._not_found(path)
        methods = POST_METHODS if is_upload else READ_METHODS
        if method not in methods:
            return _method_not_allowed(methods)
        if method == "OPTIONS":
            return Response(HTTPStatus.NO_CONTENT, "", b"", (("Allow", ", ".join(methods)),))
        is_client = is_upload or (path in self._websocket_paths and request.is_websocket)
        return (_too_many(request) or verdict) if is_client else self._get(request, path, verdict)

    def _get(self, request: AccessRequest, path: str, verdict: Role) -> Response | Download:
        if response := _redirect(request, path) or self._api.get_response(path):
            return response
        if path in self._websocket_paths:
            return _upgrade_required(path)
        if path == CONNECTION_PATH:
            return self._connection_report(request)
        if request.is_websocket and verdict is NO_ROLE:
            return self._not_found(path)
        if self.policy.token_set and path in PAGES and (token := query_token(request.target)):
            return self._set_token_cookie(request, token)
        page = self.guests.respond(request.target) or self._pages.respond(request.target)
        is_health = verdict is NO_ROLE and request.path not in PUBLIC_PATHS
        return _redact_health(page) if is_health and isinstance(page, Response) else page

    def _refused(self, request: AccessRequest, refusal: Refusal) -> Response:
        """Asks a person for a token; tells a program what is wrong."""
        if refusal.needs_token and request.is_navigation and request.path.count("/") == 1:
            had_token = request.token(self.policy.cookie_name) is not None
            problem = refusal.text if had_token else ""
            return token_form(self._pages.token_form, refusal, problem, request.target)
        headers = {"WWW_Authenticate": "Bearer"} if refusal.status is HTTPStatus.UNAUTHORIZED else {}
        return text_response(refusal.status, f"{refusal.text}\n", **headers)

    def _connection_report(self, request: AccessRequest) -> Response:
        """Reports to a page why it cannot open the WebSocket of captions."""
        try:
            origin = parse_query(request.target).get("origin", "")
        except ClientError:
            origin = ""
        unavailable = self._unavailable("/captions")
        problem = unavailable.body.decode().strip() if unavailable else self.policy.connection_problem(request, origin)
        return _problem(problem)

    def _not_found(self, path: str) -> Response:
        if path in SETTING_BY_PATH:
            return text_response(
                HTTPStatus.NOT_FOUND, f"{path} is switched off; {SETTING_BY_PATH[path]} = true switches it on.\n"
            )
        return text_response(HTTPStatus.NOT_FOUND, f"WebSocket: {', '.join(sorted(self._websocket_paths))}.\n")

    def _set_token_cookie(self, request: AccessRequest, token: str) -> Response:
        """Moves the token into a cookie, out of the address that people see, share and bookmark.

        ``Lax``, not ``Strict``: a link from a chat or mail would arrive at the page without it. Requests and WebSockets
        of other sites come without it in either case.
        """
        attributes = f"Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
        cookie = f"{self.policy.cookie_name}={token}; {attributes}{'; Secure' if self.policy.secure else ''}"
        return _see_other(strip_token(request.target), Set_Cookie=cookie)


def _method_not_allowed(methods: Iterable[str]) -> Response:
    allowed = ", ".join(methods)
    return text_response(HTTPStatus.METHOD_NOT_ALLOWED, f"Allowed methods: {allowed}.\n", Allow=allowed)


def _problem(text: str) -> Response:
    return Response(HTTPStatus.OK, "application/json", to_json({"problem": text}).encode())


def _redirect(request: AccessRequest, path: str) -> Response | None:
    """Returns where a person finds the page whose address was almost right; None if it is right, or unknown."""
    if path == "/captions" and request.is_navigation:
        return _see_other("./")
    page, query = path.rstrip("/"), request.target.partition("?")[2]
    return _see_other(f"..{page}{'?' * bool(query)}{query}") if path != page and page in PAGES else None


def _see_other(location: str, **headers: str) -> Response:
    return text_response(HTTPStatus.SEE_OTHER, f"See {location}\n", Location=location, **headers)


def _too_many(request: AccessRequest) -> Response | None:
    if not request.over_limit:
        return None
    return text_response(HTTPStatus.SERVICE_UNAVAILABLE, f"{request.over_limit}.\n", Retry_After=RETRY_S)


def _upgrade_required(path: str) -> Response:
    return text_response(HTTPStatus.UPGRADE_REQUIRED, f"{path} speaks WebSocket only.\n", Upgrade="websocket")


def _redact_health(response: Response) -> Response:
    """Reduces the health report to its status word: clients without a token see no names of sources."""
    try:
        word = json.loads(response.body)["status"]
    except (ValueError, TypeError, KeyError):
        word = "ready" if response.status is HTTPStatus.OK else "degraded"
    return Response(response.status, "application/json", (to_json({"status": word}) + "\n").encode())
