"""Finds out the facts, all at once; what goes wrong with one is told, and does not hide the others."""

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
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from streamstt.audio.devices.recorder_process import list_devices
from streamstt.audio.devices.selection import DeviceKind, DeviceSelector, choose_device
from streamstt.audio.level import LevelMeter
from streamstt.audio.sources import AudioFile, make_source
from streamstt.config.loader import state_folder
from streamstt.config.settings import Settings, SourceSettings
from streamstt.diagnostics.facts import Fact, Facts, FolderFact, PortFact, ServiceFact, SettingsFact, SourceFact
from streamstt.errors import SourceError
from streamstt.service.units import UNIT_NAME, UnitLocation

LISTEN_S = 2.0
PROBE_TIMEOUT_S = 2.0  # for a daemon's health, and for systemd's answer


def gather(settings: Settings, settings_fact: SettingsFact, probe_engine: Callable[[Settings], list[Fact]]) -> Facts:
    """All facts.

    Args:
        settings: In force; the defaults if there are mistakes in them.
        settings_fact: Where they come from, and the mistakes.
        probe_engine: Finds out what there is to know of the model; it takes longest.
    """
    with ThreadPoolExecutor(8) as pool:
        asked: list[tuple[str, Future[list[Fact]]]] = [
            *((s.name, pool.submit(_as_list, partial(probe_source, s))) for s in settings.source[:4]),
            ("model", pool.submit(probe_engine, settings)),
            ("port", pool.submit(_as_list, partial(probe_port, settings.server.host, settings.server.port))),
            ("transcripts", pool.submit(_as_list, partial(probe_transcripts, settings))),
            ("service", pool.submit(_as_list, probe_service)),
        ]
    known: list[Fact] = [settings_fact]
    unknown = []
    for name, answer in asked:
        problem = answer.exception()
        if problem:
            unknown.append((name, f"{type(problem).__name__}: {problem}"))
        else:
            known += answer.result()
    return Facts(tuple(known), tuple(unknown))


def _as_list(probe: Callable[[], Fact]) -> list[Fact]:
    return [probe()]


def probe_source(settings: SourceSettings) -> SourceFact:
    """Opens a source and, if it is a device, listens to it."""
    name, kind = settings.name, settings.kind
    made = make_source(settings)
    try:
        title = _device_title(settings) if kind in {"mic", "monitor"} else ""
        if made is None or kind == "stdin":
            return SourceFact(name, kind)
        made.open()
        try:
            if isinstance(made, AudioFile):
                return SourceFact(name, kind, f"{settings.argument}, {made.duration_s:.0f} s")
            gauge, until = LevelMeter(), time.monotonic() + LISTEN_S
            while time.monotonic() < until and (block := made.read(threading.Event())):
                gauge.push(block.samples)
        finally:
            made.close()
    except SourceError as error:
        return SourceFact(name, kind, problem=str(error))
    return SourceFact(name, kind, title, gauge.read())


def _device_title(settings: SourceSettings) -> str:
    kind: DeviceKind = "mic" if settings.kind == "mic" else "monitor"
    wanted = DeviceSelector(kind, settings.argument, fallback=settings.fallback == "default", channel=settings.channel)
    return choose_device(wanted, list_devices()).title


def probe_port(host: str, number: int) -> PortFact:
    """Whether it can be listened on, and who does so already."""
    try:
        with socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return PortFact(host, number, free=True)
    except OSError as error:
        problem = error.strerror or str(error)
        health = fetch_health(host, number) if error.errno == errno.EADDRINUSE else ""
        return PortFact(host, number, free=False, health=health, problem=problem)


def fetch_health(host: str, number: int) -> str:
    """What a daemon says of itself in a line; empty if none answers."""
    name = "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    bracketed = f"[{name}]" if ":" in name else name
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE  # it is this very machine
    for scheme in ("http", "https"):
        try:
            with urllib.request.urlopen(  # noqa: S310 - our own address
                f"{scheme}://{bracketed}:{number}/healthz", timeout=PROBE_TIMEOUT_S, context=any_certificate
            ) as answer:
                return _parse_health(answer.read(65536))
        except urllib.error.HTTPError as error:
            return _parse_health(error.read(65536))
        except (OSError, ValueError):
            continue
    return ""


def _parse_health(body: bytes) -> str:
    try:
        said = json.loads(body)
        return " ".join([str(said["status"]), *map(str, said.get("why", []))])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # somebody else's


def probe_transcripts(settings: Settings) -> FolderFact:
    """Whether transcripts can be written where they go."""
    named = settings.transcript.folder
    path = Path(named).expanduser() if named else state_folder() / "transcripts"
    if not settings.transcript.is_active:
        return FolderFact(False, str(path))
    there = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        return FolderFact(True, str(path), shutil.disk_usage(there).free / 1e6)
    except OSError as error:
        return FolderFact(True, str(path), problem=f"nothing can be written in {there} ({error.strerror})")


def probe_service() -> ServiceFact:
    """Whether it is installed for this user or for the machine, and what systemd says."""
    for place in (UnitLocation(False), UnitLocation(True)):
        if place.file.exists():
            return ServiceFact(str(place.file), _unit_state(place), place.system)
    return ServiceFact()


def _unit_state(place: UnitLocation) -> str:
    if not shutil.which("systemctl"):
        return ""
    command = [*place.systemctl, "is-active", UNIT_NAME]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False, env=os.environ
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
