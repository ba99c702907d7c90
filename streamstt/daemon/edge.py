"""An edge: captions from a broker to many viewers. No microphone, no model; what it is made of, and its stop order."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from streamstt import logs
from streamstt.brokers.base import BrokerReader
from streamstt.brokers.subscriber import BrokerSubscriber
from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.config.changes import compare
from streamstt.config.settings import Settings
from streamstt.daemon.signals import reload_on_signal, stop_on_signal
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.daemon.watchdog import Watchdog
from streamstt.errors import StreamsttError
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, DaemonInfo
from streamstt.logs import install_loop_handler
from streamstt.server.access import REQUIRED_ROLES
from streamstt.server.endpoint import Extensions
from streamstt.server.http.response import Response, text_response
from streamstt.server.server import CaptionServer
from streamstt.version import __version__

NOT_AT_EDGE = "This is an edge: it has captions only. {} is at the daemon."


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

    def unavailable(self, path: str) -> Response | None:
        """Why a path is not served here, or not now; None if it is.

        Who comes before the broker has told where we are would forget where it was.
        """
        if path == "/captions":
            waits = not self._hub.daemon_info.session
            return text_response(HTTPStatus.SERVICE_UNAVAILABLE, f"{NOT_YET}\n", Retry_After=RETRY_S) if waits else None
        return text_response(HTTPStatus.NOT_FOUND, f"{NOT_AT_EDGE.format(path)}\n") if path in REQUIRED_ROLES else None

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        """Takes no audio.

        Raises:
            ClientError: Always.
        """
        raise ClientError("edge", NOT_AT_EDGE.format(f"/audio ({request.name})"))


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EdgeHooks:
    """Who starts the edge, and what it tells them.

    Attributes:
        on_ready: Called with the address of the captions page when it can be opened.
        load_settings: Reads the settings again.
        notifier: The service manager.
    """

    on_ready: Callable[[str], None]
    load_settings: Callable[[], Settings]
    notifier: SystemdNotifier


async def run(settings: Settings, reader: BrokerReader, hooks: EdgeHooks) -> None:
    """Serves until a signal comes; the broker may come and go meanwhile.

    Args:
        settings: Those of ``[server]`` and ``[log]`` matter.
        reader: Where captions come from.
        hooks: Who starts it.

    Raises:
        StreamsttError: It cannot listen, or tokens or certificate cannot be used.
    """
    install_loop_handler()
    server = settings.server
    hub = Hub(_placeholder(), history=server.history, hello_history=server.hello_history, queue=server.client_queue)
    receiver, edge = BrokerSubscriber(reader, hub), Edge(hub)
    door = CaptionServer(server, hub, edge, Extensions(unavailable=edge.unavailable))
    log.info("captions come from %s", reader.name)
    with stop_on_signal() as stop, reload_on_signal() as wanted:
        async with asyncio.TaskGroup() as tasks:
            address = await door.start()
            beside = [
                tasks.create_task(receiver.run()),
                tasks.create_task(Watchdog(hooks.notifier, hub, receiver, address).run()),
                tasks.create_task(_reload(settings, hooks, wanted, (hub, door))),
            ]
            hooks.on_ready(address)
            hooks.notifier.ready()
            await stop.wait()
            hooks.notifier.stopping()
            await door.drain()  # viewers receive what has come
            for task in beside:
                task.cancel()


async def _reload(
    settings: Settings, hooks: EdgeHooks, reload_requested: asyncio.Event, parts: tuple[Hub, CaptionServer]
) -> None:
    """Takes new settings of server and log whenever it is asked to, until it is cancelled."""
    hub, door = parts
    while True:
        await reload_requested.wait()
        reload_requested.clear()
        hooks.notifier.reloading()
        try:
            changes = compare(settings, await asyncio.to_thread(hooks.load_settings))
        except StreamsttError as error:
            log.error("the settings are as they were: %s", error)
            hub.notify("settings", "The new settings have mistakes; the old ones are in force.")
        else:
            settings, server = changes.settings, changes.settings.server
            logs.configure(settings.log)
            hub.set_limits(history=server.history, hello_history=server.hello_history, queue=server.client_queue)
            door.reload(server)
            hub.notify("settings", "")
            log.info("settings are read again; changed: %s", ", ".join(changes.live) or "none")
        hooks.notifier.ready()


def _placeholder() -> DaemonInfo:
    """Of a daemon that has not been heard of yet."""
    return DaemonInfo(__version__, session="", started_at="", model="", precision="", language="")
