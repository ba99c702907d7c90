"""Where captions go besides viewers and transcripts: other programs and services, each a subscriber of the hub."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from streamstt.brokers.factory import make_buses
from streamstt.config.outputs import Obs
from streamstt.config.settings import Settings
from streamstt.hub.hub import Hub
from streamstt.outputs.delivery import Delivery, Terms
from streamstt.outputs.secrets import Secret

CLOSE_S = 5.0  # a stopping daemon waits no longer for targets that do not answer
FEW = 50  # captions that wait for a target where only fresh ones are worth anything
MANY = 5_000  # lines that wait for a reader of standard output which does not keep up: some six hours of one speaker
PIPED = 200  # the same of a named pipe, whose readers want to know what is said now


class Outlet(Protocol):
    """Passes captions on to one target; a dead target delays nobody, and comes back by itself."""

    async def run(self) -> None:
        """Subscribes and delivers; returns when the hub has finished and what was published is delivered."""
        ...


def make_outlets(settings: Settings, hub: Hub) -> Sequence[Outlet]:
    """Those that are switched on.

    Raises:
        SinkError: A named pipe cannot be made.
    """
    made = [*_to_this_machine(settings, hub), *_over_http(settings, hub), *make_buses(settings, hub)]
    if settings.obs.url:
        made.append(_to_obs(settings.obs, hub))
    return made


def _to_this_machine(settings: Settings, hub: Hub) -> Iterator[Outlet]:
    output = settings.output
    session = hub.daemon_info.session
    if output.stdout:
        from streamstt.outputs.local import Stdout  # noqa: PLC0415 - what is not switched on costs nothing, as below

        yield Delivery(Stdout(output.stdout, session), Terms("stdout", output.sources, keep=MANY), hub)
    if output.pipe:
        from streamstt.outputs.local import Pipe, prepare  # noqa: PLC0415

        path = Path(output.pipe).expanduser()
        prepare(path)
        yield Delivery(Pipe(path, output.pipe_format, session), Terms("pipe", output.sources, keep=PIPED), hub)


def _over_http(settings: Settings, hub: Hub) -> Iterator[Outlet]:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    zoom, youtube, webhook = settings.zoom, settings.youtube, settings.webhook
    address = Secret("zoom.url", zoom.url, zoom.url_file)
    if address.is_there(credentials):
        from streamstt.outputs.zoom import Zoom  # noqa: PLC0415

        yield Delivery(Zoom(address, zoom.language), Terms("zoom", zoom.sources, FEW, zoom.max_age_s), hub)
    address = Secret("youtube.url", youtube.url, youtube.url_file)
    if address.is_there(credentials):
        from streamstt.outputs.youtube import Youtube  # noqa: PLC0415

        yield Delivery(Youtube(address), Terms("youtube", youtube.sources, FEW, youtube.max_age_s), hub)
    address = Secret("webhook.url", webhook.url, webhook.url_file)
    if address.is_there(credentials):
        from streamstt.outputs.webhook import Webhook  # noqa: PLC0415

        target = Webhook(
            address, Secret("webhook.secret", webhook.secret, webhook.secret_file), hub.daemon_info.session
        )
        yield Delivery(target, Terms("webhook", webhook.sources, webhook.keep, last_retry_s=60), hub)


def _to_obs(settings: Obs, hub: Hub) -> Outlet:
    from streamstt.outputs.obs.connection import ObsSocket  # noqa: PLC0415

    socket = ObsSocket(settings.url, Secret("obs.password", settings.password, settings.password_file))
    if settings.text_source:
        from streamstt.outputs.obs.text_source import ObsText  # noqa: PLC0415

        return ObsText(socket, settings, hub)
    from streamstt.outputs.obs.stream_captions import ObsCaptions  # noqa: PLC0415

    terms = Terms("obs", settings.sources, FEW, settings.max_age_s, eager=True)
    return Delivery(ObsCaptions(socket, settings), terms, hub)


async def finish(running: Sequence[asyncio.Task[None]]) -> None:
    """Waits for outlets whose hub has finished, and ends those that take too long."""
    if running:
        _, late = await asyncio.wait(running, timeout=CLOSE_S)
        for task in late:
            task.cancel()
