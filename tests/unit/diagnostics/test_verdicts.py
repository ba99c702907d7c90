"""Verdicts of facts: whether captions can start, and what to do if not."""

import pytest

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
from streamstt.diagnostics.verdicts import exit_code, make_findings


def microphone(rms: float, peak: float, kind: str = "mic") -> SourceFact:
    return SourceFact("you", kind, "Yeti", AudioLevel(rms, peak))


OK: list[Fact] = [
    SettingsFact(("/etc/streamstt/streamstt.toml",)),
    microphone(-40, -20),
    microphone(-100, -100, "monitor"),  # nothing is being played: not a fault
    SourceFact("remote", "ws"),
    ModelFact("base", present=True, size_mb=149, precision="int8"),
    SpeedFact(0.1, 0.6, 1),
    MemoryFact(8000, 600),
    PortFact("127.0.0.1", 8765, free=True),
    PortFact("127.0.0.1", 8765, free=False, health="ready"),
    FolderFact(False, "/var/lib/streamstt"),
    FolderFact(True, "/var/lib/streamstt", 50_000),
    ServiceFact(),
    ServiceFact("/etc/systemd/system/streamstt.service", "active", system=True),
]
WARNINGS: list[tuple[Fact, str]] = [
    (microphone(-80, -70), "volume up"),
    (microphone(-10, 0), "volume down"),
    (SpeedFact(0.7, 0.6, 1), "--model"),
    (PortFact("127.0.0.1", 8765, free=False, health="degraded: mic is not there."), "service logs"),
    (FolderFact(True, "/var/lib/streamstt", 100), "transcript.keep_mb"),
    (ServiceFact("unit", "inactive"), "systemctl --user start"),
]
FAILURES: list[tuple[Fact, str, int]] = [
    (SettingsFact(problem="the configuration has one mistake: ..."), "Fix this first", 78),
    (SourceFact("you", "mic", problem="there is no microphone 'x'"), "streamstt devices", 3),
    (SourceFact("talk", "file", problem="there is no file x"), "--source file:PATH", 3),
    (microphone(-100, -100), "muted", 3),
    (ModelFact("small", present=False), "streamstt models fetch small", 4),
    (ModelFact("nosuch", present=False, problem="unknown model"), "streamstt models list", 4),
    (SpeedFact(3.0, 0.6, 1), "another machine", 4),
    (MemoryFact(500, 900), "smaller model", 4),
    (PortFact("127.0.0.1", 8765, free=False, problem="in use"), "--port", 5),
    (FolderFact(True, "/proc/x", problem="no"), "transcript.folder", 6),
    (ServiceFact("unit", "failed", system=True), "service logs --system", 7),
]


@pytest.mark.parametrize("fact", OK, ids=repr)
def test_ok(fact: Fact) -> None:
    """There is nothing to do."""
    (finding,) = make_findings(Facts((fact,)))
    assert (finding.verdict, finding.fix) == ("ok", "")
    assert finding.message


@pytest.mark.parametrize(("fact", "fix"), WARNINGS, ids=repr)
def test_warnings(fact: Fact, fix: str) -> None:
    """Captions can start; the finding says what would improve them."""
    model = ModelFact("base", present=True)
    finding = make_findings(Facts((model, fact)))[1]
    assert finding.verdict == "warn"
    assert fix in finding.fix
    assert exit_code([finding]) == 0


@pytest.mark.parametrize(("fact", "fix", "code"), FAILURES, ids=repr)
def test_failures(fact: Fact, fix: str, code: int) -> None:
    """There would be no captions: the finding says what to do, and has the exit code of the daemon."""
    model = ModelFact("base", present=True)
    findings = make_findings(Facts((model, fact)))
    assert findings[1].verdict == "fail"
    assert fix in findings[1].fix
    assert exit_code(findings) == code


def test_the_first_failure_counts() -> None:
    """The exit code is that of the first failure; all are reported, and so is a check that itself failed."""
    facts = Facts(
        (ModelFact("small", present=False), PortFact("x", 1, free=False, problem="in use")), (("service", "no"),)
    )
    findings = make_findings(facts)
    assert [finding.verdict for finding in findings] == ["fail", "fail", "warn"]
    assert exit_code(findings) == 4


def test_a_fitting_model() -> None:
    """The largest model that is fast enough is named: a larger one on a fast machine, a smaller one on a slow one."""
    fast, slow = (make_findings(Facts((ModelFact("base", present=True), SpeedFact(s, 0.6, 1))))[1] for s in (0.1, 0.9))
    assert "small should also be fast enough" in fast.message
    assert "--model tiny" in slow.fix
