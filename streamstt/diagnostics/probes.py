"""Gathers the facts concurrently; a probe that fails is reported and does not affect the others."""

import errno
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from streamstt.audio.devices.recorder_process import list_devices
from streamstt.audio.devices.selection import DeviceKind, DeviceSelector, choose_device
from streamstt.audio.level import LevelMeter
from streamstt.audio.sources import AudioFile, make_source
from streamstt.config.loader import transcript_folder
from streamstt.config.server import ServerSettings, local_address
from streamstt.config.settings import Settings, SourceSettings
from streamstt.config.urls import public_address
from streamstt.diagnostics.facts import (
    AccessFact,
    Fact,
    Facts,
    FolderFact,
    PortFact,
    ServiceFact,
    SettingsFact,
    SourceFact,
)
from streamstt.errors import ConfigError, SourceError
from streamstt.server.tls import require_certificate
from streamstt.server.tokens import load_tokens, will_create_tokens
from streamstt.service.units import UNIT_NAME, UnitLocation

LISTEN_S = 2.0
PROBE_TIMEOUT_S = 2.0  # for the health of a daemon, and for systemd


def gather(settings: Settings, settings_fact: SettingsFact, probe_engine: Callable[[Settings], list[Fact]]) -> Facts:
    """Gathers all facts.

    Args:
        settings: Settings in force, or the defaults if those are invalid.
        settings_fact: Their origins, and their mistakes.
        probe_engine: Gathers the facts of the model, which takes longest.
    """
    with ThreadPoolExecutor(8) as pool:
        futures: list[tuple[str, Future[list[Fact]]]] = [
            *((s.name, pool.submit(_as_list, partial(probe_source, s))) for s in settings.source[:4]),
            ("model", pool.submit(probe_engine, settings)),
            ("port", pool.submit(_as_list, partial(probe_port, settings.server))),
            ("access", pool.submit(probe_access, settings.server)),
            ("transcripts", pool.submit(_as_list, partial(probe_transcripts, settings))),
            ("service", pool.submit(_as_list, probe_service)),
        ]
    known: list[Fact] = [settings_fact]
    failed = []
    for name, future in futures:
        error = future.exception()
        if isinstance(error, ModuleNotFoundError):  # an edge is installed without models
            raise error
        if error:
            failed.append((name, f"{type(error).__name__}: {error}"))
        else:
            known += future.result()
    return Facts(tuple(known), tuple(failed))


def _as_list(probe: Callable[[], Fact]) -> list[Fact]:
    return [probe()]


def probe_source(settings: SourceSettings) -> SourceFact:
    """Opens a source and, if it is a device, measures its level."""
    name, kind = settings.name, settings.kind
    source = make_source(settings)
    try:
        is_device = kind in {"mic", "monitor"}
        title = choose_device(device_selector(settings), list_devices()).title if is_device else ""
        title = public_address(settings.argument) if kind == "url" else title
        if source is None or kind == "stdin":
            return SourceFact(name, kind)
        source.open()
        try:
            if isinstance(source, AudioFile):
                return SourceFact(name, kind, f"{settings.argument}, {source.duration_s:.0f} s")
            meter, until = LevelMeter(), time.monotonic() + LISTEN_S
            while time.monotonic() < until and (block := source.read(threading.Event())):
                meter.push(block.samples)
        finally:
            source.close()
    except SourceError as error:
        return SourceFact(name, kind, problem=str(error))
    return SourceFact(name, kind, title, meter.read())


def device_selector(settings: SourceSettings) -> DeviceSelector:
    """Returns what a source of the kind ``mic`` or ``monitor`` records."""
    kind: DeviceKind = "mic" if settings.kind == "mic" else "monitor"
    return DeviceSelector(kind, settings.argument, fallback=settings.fallback == "default", channel=settings.channel)


def probe_port(settings: ServerSettings) -> PortFact:
    """Tries to listen on a port; if it is in use, asks for the health of a daemon there."""
    host, number = settings.host, settings.port
    try:
        try_to_listen(host, number)
    except OSError as error:
        problem = error.strerror or str(error)
        health = fetch_health(settings) if error.errno == errno.EADDRINUSE else ""
        return PortFact(host, number, free=False, health=health, problem=problem)
    return PortFact(host, number, free=True)


def probe_access(settings: ServerSettings) -> list[Fact]:
    """Reads tokens and certificate; returns no fact if they can be used, or will be created."""
    try:
        if not will_create_tokens(settings):
            load_tokens(settings)
        require_certificate(settings)
    except ConfigError as error:
        return [AccessFact(str(error))]
    return []


def try_to_listen(host: str, port: int) -> None:
    """Listens on an address for a moment.

    Raises:
        OSError: The port is in use or needs rights, or the address is not one of this machine.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, address in sorted({(info[0], info[4][:2]) for info in addresses}):
        with socket.create_server((str(address[0]), port), family=family, dualstack_ipv6=host == "::"):
            pass


def fetch_health(settings: ServerSettings) -> str:
    """Returns the health of the daemon with these settings in one line; empty if none responds."""
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE  # this machine
    # A daemon started with other settings may use the other scheme.
    for scheme in ("https", "http") if settings.tls_certificate else ("http", "https"):
        try:
            with urllib.request.urlopen(  # noqa: S310 - our own address
                f"{scheme}://{local_address(settings)}/healthz", timeout=PROBE_TIMEOUT_S, context=any_certificate
            ) as response:
                return _parse_health(response.read(65536))
        except urllib.error.HTTPError as error:
            return _parse_health(error.read(65536))
        except (OSError, ValueError) as error:
            if isinstance(getattr(error, "reason", error), TimeoutError):
                break  # a daemon refuses the other scheme at once
    return ""


def _parse_health(body: bytes) -> str:
    try:
        health = json.loads(body)
        reasons = " ".join(map(str, health.get("why", [])))
        return (f"{health['status']}: {reasons}" if reasons else str(health["status"])) + _describe_engine(health)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # not a daemon of ours


def _describe_engine(health: Mapping[str, Any]) -> str:
    """Returns the model of a daemon and its present speed, as the end of a line; empty if it tells neither."""
    if not health.get("model"):
        return ""
    engine = health.get("engine", {})
    parts = [f"; model {health['model']}{' (auto)' if engine.get('auto') else ''}"]
    if "update_s" in engine:
        promised = f" ({1000 * engine['promised_s']:.0f} ms promised)" if "promised_s" in engine else ""
        parts.append(f"an update takes {1000 * engine['update_s']:.0f} ms{promised}")
    if "sources" in engine:
        parts.append(f"fast enough for {engine['sources']} source{'s' * (engine['sources'] != 1)}")
    return ", ".join(parts)


def probe_transcripts(settings: Settings) -> FolderFact:
    """Checks that transcripts can be written in their folder; creates nothing that stays."""
    path = transcript_folder(settings.transcript)
    if not settings.transcript.is_active:
        return FolderFact(False, str(path))
    there = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        return FolderFact(True, str(path), shutil.disk_usage(there).free / 1e6)
    except OSError as error:
        return FolderFact(True, str(path), problem=f"cannot write in {there} ({error.strerror})")


def probe_service() -> ServiceFact:
    """Finds an installed service, of this user or of the system, and asks systemd for its state."""
    for place in (UnitLocation(False), UnitLocation(True)):
        if place.file.exists():
            return ServiceFact(str(place.file), _unit_state(place), place.system)
    return ServiceFact()


def _unit_state(place: UnitLocation) -> str:
    if not shutil.which("systemctl"):
        return ""
    command = [*place.systemctl, "is-active", UNIT_NAME]
    try:
        completed = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False, env=os.environ
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return completed.stdout.strip()
