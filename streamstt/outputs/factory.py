"""Creates the outputs in the settings. Modules of outputs that are off are not imported."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from streamstt.brokers.factory import make_publishers
from streamstt.config.outputs import ObsSettings
from streamstt.config.secrets import credentials_folder
from streamstt.config.settings import Settings
from streamstt.hub.hub import Hub
from streamstt.outputs.delivery import Delivery, DeliveryPolicy
from streamstt.outputs.secrets import SecretSource

CLOSE_TIMEOUT_S = 5.0  # a stopping daemon waits no longer for targets that do not respond
# Captions that wait for a target, at most:
LIVE_QUEUE = 50  # where only fresh captions are useful
STDOUT_QUEUE = 5_000  # some six hours of one speaker
PIPE_QUEUE = 200  # readers of a named pipe want the newest captions


class CaptionOutput(Protocol):
    """Sends captions to one target, and reconnects by itself; a dead target delays nothing else."""

    async def run(self) -> None:
        """Subscribes to the hub and delivers; returns when the hub has finished and all captions are delivered."""
        ...


def make_outputs(settings: Settings, hub: Hub) -> Sequence[CaptionOutput]:
    """Creates the outputs that are configured.

    Raises:
        OutputError: A named pipe cannot be created.
        ConfigError: A broker's client library is missing, or its password cannot be read.
    """
    outputs = [*_make_local_outputs(settings, hub), *_make_http_outputs(settings, hub), *make_publishers(settings, hub)]
    if settings.obs.url:
        outputs.append(_make_obs_output(settings.obs, hub))
    return outputs


def _make_local_outputs(settings: Settings, hub: Hub) -> Iterator[CaptionOutput]:
    output = settings.output
    session = hub.daemon_info.session
    if output.stdout:
        from streamstt.outputs.local import Stdout  # noqa: PLC0415 - outputs that are off cost nothing; so below

        yield Delivery(
            Stdout(output.stdout, session), DeliveryPolicy("stdout", output.sources, max_waiting=STDOUT_QUEUE), hub
        )
    if output.pipe:
        from streamstt.outputs.local import Pipe, ensure_pipe  # noqa: PLC0415

        path = Path(output.pipe).expanduser()
        ensure_pipe(path)
        yield Delivery(
            Pipe(path, output.pipe_format, session), DeliveryPolicy("pipe", output.sources, max_waiting=PIPE_QUEUE), hub
        )


def _make_http_outputs(settings: Settings, hub: Hub) -> Iterator[CaptionOutput]:
    credentials = credentials_folder()
    zoom, youtube, webhook = settings.zoom, settings.youtube, settings.webhook
    address = SecretSource("zoom.url", zoom.url, zoom.url_file)
    if address.is_set(credentials):
        from streamstt.outputs.zoom import Zoom  # noqa: PLC0415

        yield Delivery(
            Zoom(address, zoom.language), DeliveryPolicy("zoom", zoom.sources, LIVE_QUEUE, zoom.max_age_s), hub
        )
    address = SecretSource("youtube.url", youtube.url, youtube.url_file)
    if address.is_set(credentials):
        from streamstt.outputs.youtube import Youtube  # noqa: PLC0415

        yield Delivery(Youtube(address), DeliveryPolicy("youtube", youtube.sources, LIVE_QUEUE, youtube.max_age_s), hub)
    address = SecretSource("webhook.url", webhook.url, webhook.url_file)
    if address.is_set(credentials):
        from streamstt.outputs.webhook import Webhook  # noqa: PLC0415

        target = Webhook(
            address, SecretSource("webhook.secret", webhook.secret, webhook.secret_file), hub.daemon_info.session
        )
        policy = DeliveryPolicy("webhook", webhook.sources, webhook.keep, last_retry_s=60, takes_revisions=True)
        yield Delivery(target, policy, hub)


def _make_obs_output(settings: ObsSettings, hub: Hub) -> CaptionOutput:
    from streamstt.outputs.obs.connection import ObsConnection  # noqa: PLC0415

    connection = ObsConnection(settings.url, SecretSource("obs.password", settings.password, settings.password_file))
    if settings.text_source:
        from streamstt.outputs.obs.text_source import ObsTextSource  # noqa: PLC0415

        return ObsTextSource(connection, settings, hub)
    from streamstt.outputs.obs.stream_captions import ObsStreamCaptions  # noqa: PLC0415

    policy = DeliveryPolicy("obs", settings.sources, LIVE_QUEUE, settings.max_age_s, connect_at_start=True)
    return Delivery(ObsStreamCaptions(connection, settings), policy, hub)


async def finish_outputs(running: Sequence[asyncio.Task[None]]) -> None:
    """Waits for outputs whose hub has finished, and cancels those that take longer than ``CLOSE_TIMEOUT_S``."""
    if running:
        _, late = await asyncio.wait(running, timeout=CLOSE_TIMEOUT_S)
        for task in late:
            task.cancel()
