"""What an edge serves: pages and captions, and nothing that needs a microphone or an engine."""

from http import HTTPStatus

from streamstt.captioning.remote_source import AudioOffer
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError
from streamstt.serve.access import NEEDED
from streamstt.serve.clients import RemoteStream
from streamstt.serve.routes import Answer, plain

ELSEWHERE = "This is an edge: it has captions only. {} is at the daemon."
NOT_YET = "No captions have come from the broker yet; come back in a moment."
RETRY_S = "2"


class Edge:
    """Stands where a daemon has its studio."""

    def __init__(self, hub: Hub) -> None:
        """Serves a hub.

        Args:
            hub: Filled from a broker.
        """
        self._hub = hub

    def elsewhere(self, path: str) -> Answer | None:
        """Why a path is not served here, or not now; None if it is.

        Who comes before the broker has told where we are would forget where it was.
        """
        if path == "/captions":
            waits = not self._hub.about.session
            return plain(HTTPStatus.SERVICE_UNAVAILABLE, f"{NOT_YET}\n", Retry_After=RETRY_S) if waits else None
        return plain(HTTPStatus.NOT_FOUND, f"{ELSEWHERE.format(path)}\n") if path in NEEDED else None

    def admit(self, offer: AudioOffer) -> RemoteStream:
        """Takes no audio.

        Raises:
            ClientError: Always.
        """
        raise ClientError("edge", ELSEWHERE.format(f"/audio ({offer.name})"))
