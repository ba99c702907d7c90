"""What the facts mean, and what to do about it: one sentence each. Pure; a function for each fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streamstt.audio.level import AudioLevel
from streamstt.diagnostics.facts import (
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

Verdict = Literal["good", "look", "bad"]

SILENT_DB, FAINT_DB, CLIPPING_DB = -90.0, -60.0, -0.5  # of the loudest sample
MAX_CORE_SHARE = 0.85  # share of a core that the engine's thread may take: the rest is for bursts (as in bench)
MAX_UPDATE_S = 2.0  # an update that takes longer is no live caption (as in bench)
LOW_DISK_MB = 200.0  # of disk: a year of transcripts, or none at all if something else fills it
RELATIVE_COSTS = {
    "tiny": 0.5,
    "base": 1.0,
    "distil-small.en": 2.5,
    "small": 3.0,
    "medium": 8.3,
    "large-v3-turbo": 15.0,
    "large-v3": 18.0,
}
"""What an update costs, in those of base: rounded figures of ``streamstt bench`` on two cores."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has shown.

    Attributes:
        name: What was checked, a word or two.
        verdict: Good; worth a look; or bad: captions would not come.
        says: A sentence or less.
        remedy: What to do; empty: nothing.
        exit_code: That of the daemon if it failed for this.
    """

    name: str
    verdict: Verdict
    says: str
    remedy: str = ""
    exit_code: int = 0


def make_findings(facts: Facts) -> list[Finding]:
    """All findings, in the order of the facts; a check that failed itself is one, too."""
    model = next((fact.name for fact in facts.known if isinstance(fact, ModelFact)), "")
    found = [_make_finding(fact, model) for fact in facts.known]
    return found + [
        Finding(name, "look", f"could not be checked: {why}", "Start the daemon and see what it says.")
        for name, why in facts.failed
    ]


def exit_code(findings: Sequence[Finding]) -> int:
    """0 if captions can begin, else the kind of the first thing that is bad."""
    return next((finding.exit_code for finding in findings if finding.verdict == "bad"), 0)


def _make_finding(fact: Fact, model: str) -> Finding:
    match fact:
        case SettingsFact():
            found = settings_finding(fact)
        case SourceFact():
            found = source_finding(fact)
        case ModelFact():
            found = model_finding(fact)
        case SpeedFact():
            found = speed_finding(fact, model)
        case MemoryFact():
            found = memory_finding(fact)
        case PortFact():
            found = port_finding(fact)
        case FolderFact():
            found = transcripts_finding(fact)
        case ServiceFact():
            found = service_finding(fact)
    return found


def settings_finding(fact: SettingsFact) -> Finding:
    """Whether they are right."""
    if fact.problem:
        remedy = "Mend that first; the checks below use the defaults."
        return Finding("settings", "bad", fact.problem, remedy, ConfigError.exit_code)
    return Finding("settings", "good", f"right: {', '.join(fact.origins)}" if fact.origins else "the defaults")


def source_finding(fact: SourceFact) -> Finding:
    """Whether it is there, opens and hears something."""
    name = {"mic": "microphone", "monitor": "what is played"}.get(fact.kind, fact.kind)
    if fact.problem:
        remedy = {
            "mic": "streamstt devices lists what there is; choose with --source mic:NAME.",
            "monitor": "streamstt devices lists what there is; choose with --source monitor:NAME.",
        }.get(fact.kind, "Name one that can be read with --source file:PATH.")
        return Finding(name, "bad", fact.problem, remedy, SourceError.exit_code)
    if fact.level is None:
        return Finding(name, "good", fact.title or f"{fact.name}: comes when the daemon runs")
    return _level_finding(name, fact.title, fact.level, played=fact.kind == "monitor")


def _level_finding(name: str, title: str, measured: AudioLevel, *, played: bool) -> Finding:
    level = f"{measured.peak:.0f} dB at most"
    if measured.peak <= SILENT_DB:
        if played:
            return Finding(name, "good", f"{title} opens; nothing is played just now")
        remedy = "Is it muted? Switch it on, or see with streamstt devices --meter which one hears you."
        return Finding(name, "bad", f"{title} opens, but gives no sound at all", remedy, SourceError.exit_code)
    if measured.peak < FAINT_DB and not played:
        remedy = "Speak, and check again; if it stays so, turn its volume up."
        return Finding(name, "look", f"{title} hears hardly anything, {level}", remedy)
    if measured.peak >= CLIPPING_DB:
        return Finding(name, "look", f"{title} is too loud and distorted", "Turn its volume down.")
    return Finding(name, "good", f"{title} hears something, {level}")


def model_finding(fact: ModelFact) -> Finding:
    """Whether it is there, whole, and can be loaded."""
    if fact.problem:
        remedy = "" if fact.present else "streamstt models list shows what can be fetched."
        return Finding("model", "bad", fact.problem, remedy, ModelError.exit_code)
    if not fact.present:
        says = f"{fact.name} is not on this machine"
        return Finding("model", "bad", says, f"streamstt models fetch {fact.name}", ModelError.exit_code)
    size = f", {fact.size_mb:.0f} MB" if fact.size_mb else ""
    return Finding(
        "model", "good", f"{fact.name} is here{size}{f', runs in {fact.precision}' if fact.precision else ''}"
    )


def speed_finding(fact: SpeedFact, model: str) -> Finding:
    """Whether captions would be in time; and which model would fit."""
    share = fact.update_s / fact.interval_s
    carried = int(MAX_CORE_SHARE / share) if share else 99
    says = f"an update takes {1000 * fact.update_s:.0f} ms"
    if carried >= max(1, fact.sources):
        many = f"{carried} sources" if carried > 1 else "one source"
        larger = _largest_fitting_model(fact, model)
        more = (
            f"; {larger} should fit as well"
            if larger and RELATIVE_COSTS[larger] > RELATIVE_COSTS.get(model, 99)
            else ""
        )
        return Finding("speed", "good", f"{says}: fast enough for {many}{more}")
    fits = _largest_fitting_model(fact, model)
    remedy = (
        f"Try --model {fits}." if fits and fits != model else "Close what else is running, or take another machine."
    )
    if fact.update_s * max(1, fact.sources) <= MAX_UPDATE_S:
        return Finding("speed", "look", f"{says}: captions will come less often", remedy)
    return Finding("speed", "bad", f"{says}: too slow for live captions", remedy, EngineError.exit_code)


def _largest_fitting_model(fact: SpeedFact, model: str) -> str:
    """The largest size that should carry all sources, estimated from this one; empty: none, or nobody knows."""
    known = RELATIVE_COSTS.get(model.removesuffix(".en")) or RELATIVE_COSTS.get(model)
    if not known:
        return ""
    base_s = fact.update_s / known
    fits = [
        n
        for n, cost in RELATIVE_COSTS.items()
        if base_s * cost * max(1, fact.sources) <= MAX_CORE_SHARE * fact.interval_s
    ]
    return max(fits, key=lambda name: RELATIVE_COSTS[name], default="")


def memory_finding(fact: MemoryFact) -> Finding:
    """Whether there is enough."""
    needs = (
        f"{'takes' if fact.measured else 'would take about'} {fact.needed_mb:.0f} MB, {fact.free_mb:.0f} MB are free"
    )
    if fact.needed_mb > fact.free_mb:
        remedy = "Close something, or choose a smaller model with --model."
        return Finding("memory", "bad", needs, remedy, EngineError.exit_code)
    return Finding("memory", "good", needs)


def port_finding(fact: PortFact) -> Finding:
    """Whether captions can be served, or are."""
    where = f"{fact.host} port {fact.port}"
    if fact.free:
        return Finding("port", "good", f"{where} is free" if fact.port else f"{fact.host}, any free port")
    if fact.health:
        well = fact.health.startswith("ready")
        remedy = "" if well else "Its captions page and streamstt service logs say more."
        return Finding("port", "good" if well else "look", f"a daemon runs on {where}: {fact.health}", remedy)
    remedy = "Stop what is there, or choose another port with --port or server.port."
    return Finding("port", "bad", f"{where} cannot be used: {fact.problem}", remedy, ServerError.exit_code)


def transcripts_finding(fact: FolderFact) -> Finding:
    """Whether transcripts can be written."""
    if not fact.enabled:
        return Finding("transcripts", "good", "are not kept (transcript.enabled = true keeps them)")
    if fact.problem:
        remedy = "Make it writable, or name another with transcript.folder."
        return Finding("transcripts", "bad", f"{fact.folder}: {fact.problem}", remedy, OutputError.exit_code)
    room = f"{fact.free_mb / 1000:.0f} GB free" if fact.free_mb > 10_000 else f"{fact.free_mb:.0f} MB free"
    if fact.free_mb < LOW_DISK_MB:
        return Finding("transcripts", "look", f"{fact.folder}: {room}", "Make room, or set transcript.keep_mb.")
    return Finding("transcripts", "good", f"{fact.folder}, {room}")


def service_finding(fact: ServiceFact) -> Finding:
    """Whether it is installed and runs."""
    option = " --system" if fact.system else ""
    if not fact.unit:
        return Finding("service", "good", "not installed (streamstt service install starts it by itself)")
    if fact.state == "failed":
        remedy = f"streamstt service logs{option} says why."
        return Finding("service", "bad", f"{fact.unit} has failed", remedy, ServiceError.exit_code)
    state = fact.state or "systemd does not answer here"
    return Finding(
        "service", "good" if fact.state in {"active", ""} else "look", f"{fact.unit}: {state}", _start_hint(fact)
    )


def _start_hint(fact: ServiceFact) -> str:
    if fact.state in {"active", ""}:
        return ""
    return f"systemctl {'' if fact.system else '--user '}start streamstt starts it."
