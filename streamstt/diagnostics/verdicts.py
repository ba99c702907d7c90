"""Turns facts into findings: a verdict, and what to do about it, in one sentence each. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streamstt.audio.level import AudioLevel
from streamstt.bench.limits import MAX_CORE_SHARE, MAX_UPDATE_S
from streamstt.diagnostics.facts import (
    AccessFact,
    Fact,
    Facts,
    FolderFact,
    MemoryFact,
    ModelFact,
    PortFact,
    ServiceFact,
    SettingsFact,
    SourceFact,
    SpeedFact,
)
from streamstt.errors import ConfigError, EngineError, ModelError, OutputError, ServerError, ServiceError, SourceError
from streamstt.whisper.model_choice import AUTO

Verdict = Literal["ok", "warn", "fail"]

SILENT_DB, FAINT_DB, CLIPPING_DB = -90.0, -60.0, -0.5  # limits of the peak level (dBFS)
LOW_DISK_MB = 200.0  # holds a year of transcripts, unless something else fills the disk
BUSY = 1.5  # times as long as promised; from here on the present speed of updates is not that of the machine
RELATIVE_COSTS = {
    "tiny": 0.5,
    "base": 1.0,
    "distil-small.en": 2.5,
    "small": 3.0,
    "medium": 8.3,
    "large-v3-turbo": 15.0,
    "large-v3": 18.0,
}
"""Cost of an update relative to the model base: rounded figures of ``streamstt bench`` on two cores."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a check.

    Attributes:
        name: What was checked, in a word or two.
        verdict: ``ok``, ``warn``, or ``fail``: there would be no captions.
        message: What was found, in at most a sentence.
        fix: What to do; empty: nothing.
        exit_code: Exit code with which the daemon would fail.
    """

    name: str
    verdict: Verdict
    message: str
    fix: str = ""
    exit_code: int = 0


def make_findings(facts: Facts) -> list[Finding]:
    """Makes the findings, in the order of the facts; a check that itself failed is a warning."""
    model = next((fact.name for fact in facts.known if isinstance(fact, ModelFact)), "")
    findings = [_make_finding(fact, model) for fact in facts.known]
    return findings + [
        Finding(name, "warn", f"could not be checked: {reason}", "Start the daemon and read its log.")
        for name, reason in facts.failed
    ]


def exit_code(findings: Sequence[Finding]) -> int:
    """Returns 0 if captions can start, else the exit code of the first failure."""
    return next((finding.exit_code for finding in findings if finding.verdict == "fail"), 0)


def _make_finding(fact: Fact, model: str) -> Finding:
    match fact:
        case SettingsFact():
            finding = settings_finding(fact)
        case SourceFact():
            finding = source_finding(fact)
        case ModelFact():
            finding = model_finding(fact)
        case SpeedFact():
            finding = speed_finding(fact, model)
        case MemoryFact():
            finding = memory_finding(fact)
        case PortFact():
            finding = port_finding(fact)
        case AccessFact():
            finding = Finding("access", "fail", fact.problem, "", ConfigError.exit_code)
        case FolderFact():
            finding = transcripts_finding(fact)
        case ServiceFact():
            finding = service_finding(fact)
    return finding


def settings_finding(fact: SettingsFact) -> Finding:
    """Checks that the settings are valid."""
    if fact.problem:
        fix = "Fix this first; the checks below use the defaults."
        return Finding("settings", "fail", fact.problem, fix, ConfigError.exit_code)
    return Finding("settings", "ok", f"valid ({', '.join(fact.origins)})" if fact.origins else "defaults")


def source_finding(fact: SourceFact) -> Finding:
    """Checks that a source can be opened and delivers sound."""
    name = {"mic": "microphone", "monitor": "output monitor", "url": "network stream"}.get(fact.kind, fact.kind)
    if fact.problem:
        fix = {
            "mic": "List the devices with streamstt devices; choose one with --source mic:NAME.",
            "monitor": "List the devices with streamstt devices; choose one with --source monitor:NAME.",
            "url": "Check the address, and that something is being sent there; a player should play it.",
        }.get(fact.kind, "Name a readable file with --source file:PATH.")
        return Finding(name, "fail", fact.problem, fix, SourceError.exit_code)
    if fact.level is None:
        return Finding(name, "ok", fact.title or f"{fact.name}: opened when the daemon starts")
    return _level_finding(name, fact.title, fact.level, may_be_silent=fact.kind in {"monitor", "url"})


def _level_finding(name: str, title: str, measured: AudioLevel, *, may_be_silent: bool) -> Finding:
    level = f"peak {measured.peak:.0f} dB"
    if measured.peak <= SILENT_DB:
        if may_be_silent:
            return Finding(name, "ok", f"{title} opens; nothing is being played")
        fix = "Is it muted? Unmute it, or find the right one with streamstt devices --meter."
        return Finding(name, "fail", f"{title} opens, but delivers only silence", fix, SourceError.exit_code)
    if measured.peak < FAINT_DB and not may_be_silent:
        fix = "Speak, and check again; if it stays quiet, turn its volume up."
        return Finding(name, "warn", f"{title} is very quiet, {level}", fix)
    if measured.peak >= CLIPPING_DB:
        return Finding(name, "warn", f"{title} is too loud and distorted, {level}", "Turn its volume down.")
    return Finding(name, "ok", f"{title} delivers sound, {level}")


def model_finding(fact: ModelFact) -> Finding:
    """Checks that the model is on this machine, complete, and can be loaded."""
    if fact.problem:
        fix = "" if fact.present else "List the available models with streamstt models list."
        return Finding("model", "fail", fact.problem, fix, ModelError.exit_code)
    choice = f"auto: {fact.choice}. " if fact.choice else ""
    if not fact.present and fact.name == AUTO:
        message = "no model is on this machine; the first start chooses and fetches one"
        return Finding("model", "fail", message, "streamstt models fetch auto", ModelError.exit_code)
    if not fact.present:
        message = f"{choice}{fact.name} is not on this machine"
        return Finding("model", "fail", message, f"streamstt models fetch {fact.name}", ModelError.exit_code)
    size = f", {fact.size_mb:.0f} MB" if fact.size_mb else ""
    return Finding(
        "model",
        "ok",
        f"{choice}{fact.name} is on this machine{size}{f', runs in {fact.precision}' if fact.precision else ''}",
    )


def speed_finding(fact: SpeedFact, model: str) -> Finding:
    """Checks that updates are fast enough, and names a model that should be."""
    share = fact.update_s / fact.interval_s
    capacity = int(MAX_CORE_SHARE / share) if share else 99
    message = f"an update takes {1000 * fact.update_s:.0f} ms"
    if fact.promised_s and fact.update_s > BUSY * fact.promised_s:
        message += f" now, {1000 * fact.promised_s:.0f} ms when no other program uses the CPU"
    if capacity >= max(1, fact.sources):
        sources = f"{capacity} sources" if capacity > 1 else "one source"
        larger = _largest_fitting_model(fact, model)
        more = (
            f"; {larger} should also be fast enough"
            if larger and RELATIVE_COSTS[larger] > RELATIVE_COSTS.get(model, 99)
            else ""
        )
        return Finding("speed", "ok", f"{message}: fast enough for {sources}{more}")
    fits = _largest_fitting_model(fact, model)
    fix = f"Try --model {fits}." if fits and fits != model else "Close other programs, or use another machine."
    if fact.update_s * max(1, fact.sources) <= MAX_UPDATE_S:
        return Finding("speed", "warn", f"{message}: captions will be updated less often", fix)
    return Finding("speed", "fail", f"{message}: too slow for live captions", fix, EngineError.exit_code)


def _largest_fitting_model(fact: SpeedFact, model: str) -> str:
    """Returns the largest model that should be fast enough for all sources, estimated from this one; empty if none."""
    cost_here = RELATIVE_COSTS.get(model.removesuffix(".en")) or RELATIVE_COSTS.get(model)
    if not cost_here:
        return ""
    base_s = fact.update_s / cost_here
    fits = [
        n
        for n, cost in RELATIVE_COSTS.items()
        if base_s * cost * max(1, fact.sources) <= MAX_CORE_SHARE * fact.interval_s
    ]
    return max(fits, key=lambda name: RELATIVE_COSTS[name], default="")


def memory_finding(fact: MemoryFact) -> Finding:
    """Checks that there is enough memory."""
    needs = f"{'needs' if fact.measured else 'will need about'} {fact.needed_mb:.0f} MB, {fact.free_mb:.0f} MB are free"
    if fact.needed_mb > fact.free_mb:
        fix = "Close other programs, or choose a smaller model with --model."
        return Finding("memory", "fail", needs, fix, EngineError.exit_code)
    return Finding("memory", "ok", needs)


def port_finding(fact: PortFact) -> Finding:
    """Checks that the port is free, or used by a healthy daemon."""
    where = f"{fact.host} port {fact.port}"
    if fact.free:
        return Finding("port", "ok", f"{where} is free" if fact.port else f"{fact.host}, any free port")
    if fact.health:
        healthy = fact.health.startswith("ready")
        fix = "" if healthy else "See its captions page or streamstt service logs."
        return Finding("port", "ok" if healthy else "warn", f"a daemon is running on {where}: {fact.health}", fix)
    fix = "Stop the program that uses it, or choose another port with --port or server.port."
    return Finding("port", "fail", f"{where} cannot be used: {fact.problem}", fix, ServerError.exit_code)


def transcripts_finding(fact: FolderFact) -> Finding:
    """Checks that transcripts can be written."""
    if not fact.enabled:
        return Finding("transcripts", "ok", "off (transcript.enabled = true switches them on)")
    if fact.problem:
        fix = "Make the folder writable, or set another one with transcript.folder."
        return Finding("transcripts", "fail", f"{fact.folder}: {fact.problem}", fix, OutputError.exit_code)
    free = f"{fact.free_mb / 1000:.0f} GB free" if fact.free_mb > 10_000 else f"{fact.free_mb:.0f} MB free"
    if fact.free_mb < LOW_DISK_MB:
        return Finding("transcripts", "warn", f"{fact.folder}: {free}", "Free disk space, or set transcript.keep_mb.")
    return Finding("transcripts", "ok", f"{fact.folder}, {free}")


def service_finding(fact: ServiceFact) -> Finding:
    """Checks that the service, if installed, is running."""
    option = " --system" if fact.system else ""
    if not fact.unit:
        return Finding("service", "ok", "not installed (streamstt service install installs and starts it)")
    if fact.state == "failed":
        fix = f"See streamstt service logs{option} for the reason."
        return Finding("service", "fail", f"{fact.unit} has failed", fix, ServiceError.exit_code)
    state = fact.state or "systemd does not respond"
    return Finding(
        "service", "ok" if fact.state in {"active", ""} else "warn", f"{fact.unit}: {state}", _start_hint(fact)
    )


def _start_hint(fact: ServiceFact) -> str:
    if fact.state in {"active", ""}:
        return ""
    return f"Start it with systemctl {'' if fact.system else '--user '}start streamstt."
