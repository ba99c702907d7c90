"""What would keep the daemon from starting, found before the slow load of a model. Downloads and creates nothing."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from streamstt.audio.devices.recorder_process import list_devices
from streamstt.audio.devices.selection import choose_device
from streamstt.audio.sources import make_source
from streamstt.brokers.factory import make_publishers
from streamstt.captioning.setup import may_appear_later
from streamstt.config.server import ServerSettings
from streamstt.config.settings import Settings, SourceSettings
from streamstt.diagnostics.probes import device_selector, fetch_health, probe_transcripts, try_to_listen
from streamstt.engine.base import EngineInfo
from streamstt.engine.scripted import ScriptedEngine
from streamstt.errors import ConfigError, OutputError, ServerError, StreamsttError, describe_os_error
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo
from streamstt.server.tls import require_certificate
from streamstt.server.tokens import load_tokens, will_create_tokens
from streamstt.whisper.loader import require_languages

Check = Callable[[], object]
"""Raises a ``StreamsttError`` if something is wrong."""


def require_startable(settings: Settings) -> None:
    """Checks what the daemon itself would notice only after its model is loaded.

    Raises:
        StreamsttError: Something is wrong; the message has all mistakes.
    """
    _raise_all([*_checks(settings), lambda: require_free_port(settings.server)])


def require_no_mistakes(settings: Settings) -> None:
    """Checks all that would keep the daemon from starting; that it already runs is no mistake.

    A device that is not named in the settings is not looked for: which ones there are is the machine's matter.

    Raises:
        StreamsttError: Something is wrong; the message has all mistakes.
    """
    sources = [partial(require_source, source) for source in settings.source]
    ports = partial(require_port_or_daemon, settings.server)
    _raise_all([*_checks(settings), ports, partial(require_transcripts, settings), *sources])


def _raise_all(checks: Iterable[Check]) -> None:
    """Raises one error with the messages of all checks that fail; its kind is that of the first, settings first."""
    mistakes: list[StreamsttError] = []
    for check in checks:
        try:
            check()
        except StreamsttError as error:
            mistakes.append(error)
    mistakes.sort(key=lambda error: not isinstance(error, ConfigError))
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise type(mistakes[0])("\n  ".join([f"{len(mistakes)} mistakes:", *map(str, mistakes)]))


def _checks(settings: Settings) -> Iterator[Check]:
    server = settings.server
    yield partial(require_model, settings)
    yield lambda: will_create_tokens(server) or load_tokens(server)
    yield partial(require_certificate, server)
    yield partial(make_publishers, settings, _unused_hub())
    yield partial(require_pipe, settings.output.pipe)
    if not settings.engine.model.startswith("script:"):
        yield partial(require_device, settings.engine.device)
    if settings.compat.wyoming:
        yield partial(require_listening, *settings.compat.wyoming_address, "compat.wyoming")


def require_model(settings: Settings) -> None:
    """Checks the model's name or folder, and that it knows the languages of the settings if that can be told.

    Raises:
        ModelError: The name is unknown, or the folder or script is not there or not complete.
        ConfigError: The model does not know a language.
    """
    name = settings.engine.model
    kind, _, path = name.partition(":")
    languages = ScriptedEngine.load(Path(path)).info.languages if kind == "script" else _known_languages(name)
    if languages:
        wanted = [settings.engine.language, *(source.language for source in settings.source)]
        require_languages(EngineInfo(name, "", "", languages), *wanted)


def _known_languages(name: str) -> tuple[str, ...] | None:
    """As ``known_languages``; None also where no model can be loaded, because this is an edge."""
    try:
        from streamstt.whisper.checkpoints.languages import known_languages  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return known_languages(name)


def require_device(name: str) -> None:
    """Checks that torch finds the device of the engine; imports torch only if a certain one is wanted.

    Raises:
        EngineError: It does not.
    """
    if name.startswith("cuda"):
        from streamstt.whisper.runtime import find_device  # noqa: PLC0415 - torch takes seconds to import

        find_device(name)


def require_pipe(name: str) -> None:
    """Checks that a named pipe is there or can be created; an empty name is none.

    Raises:
        OutputError: It cannot, or another file has its name.
    """
    path = Path(name).expanduser()
    if name and path.exists() and not path.is_fifo():
        raise OutputError(f"{path} (output.pipe) exists and is not a pipe: remove it, or choose another path")
    if name and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"cannot create or write the pipe {path} (output.pipe); choose another path")


def require_free_port(server: ServerSettings) -> None:
    """Checks that the server can listen on its address.

    Raises:
        ServerError: It cannot; the message says whether another daemon is the reason.
    """
    try:
        require_listening(server.host, server.port, "--port")
    except ServerError as error:
        if health := fetch_health(server):
            where = f"{server.host} port {server.port}"
            hint = "stop it, or choose another port with --port"
            raise ServerError(f"a streamstt daemon already runs on {where} ({health}): {hint}") from error
        raise


def require_port_or_daemon(server: ServerSettings) -> None:
    """Checks that the server can listen on its address, or does so already.

    Raises:
        ServerError: It cannot, or another program does.
    """
    if not fetch_health(server):
        require_free_port(server)


def require_listening(host: str, port: int, option: str) -> None:
    """Checks that an address can be listened on.

    Args:
        host: Name or address.
        port: Port; 0: any.
        option: What sets the port, for the message.

    Raises:
        ServerError: The port is in use or needs rights, or the address is not one of this machine.
    """
    try:
        try_to_listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = f"stop the program that uses it, or choose another port with {option}"
            raise ServerError(f"port {port} on {host} is taken: {hint}") from error
        hint = "127.0.0.1 is for this machine only, 0.0.0.0 for others as well; ports below 1024 may need rights"
        raise ServerError(f"cannot listen on {host} port {port} ({describe_os_error(error)}): {hint}") from error


def require_transcripts(settings: Settings) -> None:
    """Checks that transcripts can be written.

    Raises:
        OutputError: They cannot.
    """
    fact = probe_transcripts(settings)
    if fact.problem:
        raise OutputError(f"transcripts in {fact.folder}: {fact.problem}; set another folder with transcript.folder")


def require_source(settings: SourceSettings) -> None:
    """Checks that a file can be read, or that a device with this name is there unless it is waited for.

    Raises:
        SourceError: It is not.
    """
    if settings.kind in {"mic", "monitor"} and settings.argument and not may_appear_later(settings):
        choose_device(device_selector(settings), list_devices())
    elif settings.kind == "file" and (source := make_source(settings)):
        source.open()
        source.close()


def _unused_hub() -> Hub:
    """Returns a hub that nothing is published on."""
    return Hub(
        DaemonInfo("", session="", started_at="", model="", precision="", language=""),
        history=1,
        hello_history=0,
        queue=1,
    )
