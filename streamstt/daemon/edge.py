"""Composition and stop order of an edge: it receives captions from a broker and serves them to many viewers.

It must not import anything that needs a model or a sound device.
"""

import asyncio
import logging
from http import HTTPStatus

from streamstt.brokers.base import BrokerReader
from streamstt.brokers.subscriber import BrokerSubscriber
from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.config.changes import Changes
from streamstt.config.settings import Settings
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.reload import Reloader
from streamstt.daemon.signals import reload_on_signal, stop_on_signal
from streamstt.daemon.watchdog import Watchdog
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, DaemonInfo
from streamstt.logs import install_loop_handler
from streamstt.server.access import REQUIRED_ROLES
from streamstt.server.endpoint import Extensions
from streamstt.server.http.response import Response, text_response
from streamstt.server.server import CaptionServer
from streamstt.version import __version__

NOT_AT_EDGE = "This is an edge, which serves captions only. {} is available at the daemon."
NOT_YET = "No captions have come from the broker yet; try again in a moment."
RETRY_S = "2"  # value of the header Retry-After

log = logging.getLogger(__name__)


class Edge:
    """Takes the place of a daemon's pipeline: refuses audio, and what only a daemon can serve."""

    def __init__(self, hub: Hub) -> None:
        """Makes an edge in front of a hub.

        Args:
            hub: Filled from a broker.
        """
        self._hub = hub

    def unavailable(self, path: str) -> Response | None:
        """Returns the refusal for a path that is not served here, or not yet; None if it is served.

        Before the broker has delivered anything, the session is unknown: a viewer that resumes would be greeted with
        another session, and forget where it was.
        """
        if path == "/captions":
            if self._hub.daemon_info.session:
                return None
            return text_response(HTTPStatus.SERVICE_UNAVAILABLE, f"{NOT_YET}\n", Retry_After=RETRY_S)
        return text_response(HTTPStatus.NOT_FOUND, f"{NOT_AT_EDGE.format(path)}\n") if path in REQUIRED_ROLES else None

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Refuses a client that wants to send audio.

        Raises:
            ClientError: Always.
        """
        raise ClientError("edge", NOT_AT_EDGE.format(f"/audio ({request.name})"))


async def run(settings: Settings, reader: BrokerReader, hooks: DaemonHooks) -> None:
    """Serves captions until a signal asks to stop; the broker may come and go meanwhile.

    Args:
        settings: Sections ``[server]`` and ``[log]`` are used.
        reader: Connection to the broker.
        hooks: Callbacks of the program that starts the edge.

    Raises:
        StreamsttError: The server cannot listen, or tokens or certificate cannot be used.
    """
    install_loop_handler()
    limits = settings.server
    hub = Hub(_placeholder(), history=limits.history, hello_history=limits.hello_history, queue=limits.client_queue)
    subscriber, edge = BrokerSubscriber(reader, hub), Edge(hub)
    server = CaptionServer(settings.server, hub, edge, Extensions(unavailable=edge.unavailable))

    async def apply(changes: Changes) -> None:
        server.reload(changes.settings.server)

    log.info("captions come from %s", reader.name)
    with stop_on_signal() as stop, reload_on_signal() as reload:
        async with asyncio.TaskGroup() as tasks:
            address = await server.start()
            background = [
                tasks.create_task(subscriber.run()),
                tasks.create_task(Watchdog(hooks.notifier, hub, subscriber, address).run()),
                tasks.create_task(Reloader(settings, hooks, hub, apply).run(reload)),
                tasks.create_task(hooks.show_status(hub, address)),
            ]
            hooks.on_ready(address)
            hooks.notifier.ready()
            await stop.wait()
            hooks.stopping()
            await server.drain()  # viewers receive all captions so far
            for task in background:
                task.cancel()


def _placeholder() -> DaemonInfo:
    """Describes a daemon from which nothing has been received yet."""
    return DaemonInfo(__version__, session="", started_at="", model="", precision="", language="")
