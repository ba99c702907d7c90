"""The paths of third-party protocols that are enabled, and what serves them."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from streamstt.compat.deepgram.endpoint import serve_deepgram
from streamstt.compat.openai.errors import is_openai_path, to_openai_error
from streamstt.compat.openai.realtime import serve_realtime
from streamstt.compat.openai.transcriptions import Models, Transcriptions
from streamstt.compat.vosk import serve_vosk
from streamstt.config.compat import CompatSettings
from streamstt.recordings.uploads import UploadTranscriber
from streamstt.server.endpoint import Endpoint, EndpointContext
from streamstt.server.http.request import NO_API, Api
from streamstt.server.http.response import Response

__all__ = ["Endpoint", "EndpointContext", "make_api", "make_endpoints", "translate_error"]


def make_api(settings: CompatSettings, uploads: UploadTranscriber, model: Callable[[], str]) -> Api:
    """Returns the handlers of the third-party HTTP APIs that are enabled.

    Args:
        settings: The ``[compat]`` section.
        uploads: Transcribes uploaded recordings.
        model: Returns the name of the loaded model.
    """
    if not settings.openai:
        return NO_API
    return Api({"/v1/audio/transcriptions": Transcriptions(settings, uploads).serve}, Models(model).respond)


def translate_error(path: str, response: Response) -> Response:
    """Phrases an error as the clients of a path expect it; other responses stay as they are."""
    is_error = response.status >= HTTPStatus.BAD_REQUEST
    return to_openai_error(response) if is_error and is_openai_path(path) else response


def make_endpoints(settings: CompatSettings) -> Mapping[str, Endpoint]:
    """Returns the WebSocket endpoints that are enabled, by path; each path needs a role in ``server.access``."""
    endpoints: dict[str, Endpoint] = {}
    if settings.vosk:
        endpoints["/vosk"] = serve_vosk
    if settings.deepgram:
        endpoints["/v1/listen"] = serve_deepgram
    if settings.openai:
        endpoints["/v1/realtime"] = serve_realtime
    return endpoints
