"""What a server has beside pages, captions and audio."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streamstt.serve.control import Marker
from streamstt.serve.posts import NO_API, Api
from streamstt.serve.routes import Answer
from streamstt.serve.visitor import Endpoint


@dataclass(frozen=True, slots=True)
class Services:
    """All of it is optional.

    Attributes:
        marker: What begins new sets of transcripts; None: none are kept.
        endpoints: Other protocols over WebSocket, by path.
        api: Other programs' HTTP.
        elsewhere: Why a path is not served here, or not now; None of it: it is.
    """

    marker: Marker | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    api: Api = NO_API
    elsewhere: Callable[[str], Answer | None] = lambda _: None


NONE = Services()
