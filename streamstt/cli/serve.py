"""``streamstt serve``: runs an edge, which serves captions from a broker."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from streamstt import logs
from streamstt.brokers.factory import make_reader
from streamstt.cli.options import ConfigOption, SetOption, setting_overrides
from streamstt.cli.run import announce
from streamstt.config.loader import load
from streamstt.config.secrets import redact_password
from streamstt.config.settings import LogSettings, Settings
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.errors import ConfigError
from streamstt.server.tokens import load_tokens, will_create_tokens

BROKER_BY_SCHEME = {"redis": "redis", "rediss": "redis", "nats": "nats", "tls": "nats"}
EXAMPLE_URL = "redis://broker:6379/0?stream=streamstt"


def serve(
    source: Annotated[
        str,
        typer.Option("--from", metavar="URL", help=f"Broker to read from, for example {EXAMPLE_URL}; or nats://..."),
    ],
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    assign: SetOption = None,
) -> None:
    """Serve the captions of a daemon elsewhere to viewers, without microphone or model."""
    overrides = setting_overrides(model=None, language=None, assign=assign)
    overrides += [(f"--{k}", f"server.{k}", v) for k, v in (("host", host), ("port", port)) if v is not None]
    kind, broker_settings = _parse_broker_url(source)
    overrides += broker_settings
    logs.configure(LogSettings())
    with logs.log_fatal_errors():
        _run_edge(kind, lambda: load(overrides, file=config).settings)


def _parse_broker_url(url: str) -> tuple[str, list[tuple[str, str, Any]]]:
    """Returns the kind of broker of a URL, and the settings that the URL overrides."""
    scheme = urlsplit(url).scheme
    address, _, query = url.partition("?")
    parameters = parse_qs(query, keep_blank_values=True)
    if scheme not in BROKER_BY_SCHEME or set(parameters) - {"stream"}:
        shown = redact_password(repr(url))
        raise ConfigError(f"--from: invalid address {shown}; expected for example {EXAMPLE_URL} or nats://broker:4222")
    kind = BROKER_BY_SCHEME[scheme]
    overrides = [("--from", f"{kind}.url", address)]
    return kind, overrides + [("--from", f"{kind}.stream", value[-1]) for value in parameters.values()]


def _run_edge(kind: str, load_settings: Callable[[], Settings]) -> None:
    settings = load_settings()
    logs.configure(settings.log)
    reader = make_reader(settings, kind)
    new_tokens = will_create_tokens(settings.server)
    load_tokens(settings.server)
    from streamstt.daemon import edge  # noqa: PLC0415 - the other commands need no server

    ready = partial(announce, settings, new_tokens)
    hooks = DaemonHooks(ready, load_settings, notifier=SystemdNotifier.from_environment())
    asyncio.run(edge.run(settings, reader, hooks))
