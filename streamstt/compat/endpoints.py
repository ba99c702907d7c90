"""WebSocket paths beside the native ones, and what serves them: protocols that existing clients speak."""

from collections.abc import Mapping

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


def make_api(settings: CompatSettings, uploads: UploadTranscriber, model: str) -> Api:
    """What is switched on of other programs' HTTP.

    Args:
        settings: The ``[compat]`` section.
        uploads: What hears recordings.
        model: Name of the one that is loaded.
    """
    if not settings.openai:
        return NO_API
    return Api({"/v1/audio/transcriptions": Transcriptions(settings, uploads).serve}, Models(model).respond)


def translate_error(path: str, response: Response) -> Response:
    """Phrases an error as the clients of a path expect it; other responses stay as they are."""
    return to_openai_error(response) if is_openai_path(path) else response


def make_endpoints(settings: CompatSettings) -> Mapping[str, Endpoint]:
    """The endpoints that are switched on, by path; each path needs an entry in ``access.NEEDED``."""
    endpoints: dict[str, Endpoint] = {}
    if settings.vosk:
        endpoints["/vosk"] = serve_vosk
    if settings.deepgram:
        endpoints["/v1/listen"] = serve_deepgram
    if settings.openai:
        endpoints["/v1/realtime"] = serve_realtime
    return endpoints
