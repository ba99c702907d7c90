"""What facts mean: whether captions can begin, and what to do about it."""

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


def heard(rms: float, peak: float, kind: str = "mic") -> SourceFact:
    return SourceFact("you", kind, "Yeti", AudioLevel(rms, peak))


GOOD: list[Fact] = [
    SettingsFact(("/etc/streamstt/streamstt.toml",)),
    heard(-40, -20),
    heard(-100, -100, "monitor"),  # nobody plays anything: no fault
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
LOOK: list[tuple[Fact, str]] = [
    (heard(-80, -70), "volume up"),
    (heard(-10, 0), "volume down"),
    (SpeedFact(0.7, 0.6, 1), "--model"),
    (PortFact("127.0.0.1", 8765, free=False, health="degraded: mic is not there."), "service logs"),
    (FolderFact(True, "/var/lib/streamstt", 100), "transcript.keep_mb"),
    (ServiceFact("unit", "inactive"), "systemctl --user start"),
]
BAD: list[tuple[Fact, str, int]] = [
    (SettingsFact(problem="the configuration has one mistake: ..."), "Mend", 78),
    (SourceFact("you", "mic", problem="there is no microphone 'x'"), "streamstt devices", 3),
    (SourceFact("talk", "file", problem="there is no file x"), "--source file:PATH", 3),
    (heard(-100, -100), "muted", 3),
    (ModelFact("small", present=False), "streamstt models fetch small", 4),
    (ModelFact("nosuch", present=False, problem="unknown model"), "streamstt models list", 4),
    (SpeedFact(3.0, 0.6, 1), "another machine", 4),
    (MemoryFact(500, 900), "smaller model", 4),
    (PortFact("127.0.0.1", 8765, free=False, problem="in use"), "--port", 5),
    (FolderFact(True, "/proc/x", problem="no"), "transcript.folder", 6),
    (ServiceFact("unit", "failed", system=True), "service logs --system", 7),
]


@pytest.mark.parametrize("fact", GOOD, ids=repr)
def test_good(fact: Fact) -> None:
    """Nothing to do."""
    (finding,) = make_findings(Facts((fact,)))
    assert (finding.verdict, finding.remedy) == ("good", "")
    assert finding.says


@pytest.mark.parametrize(("fact", "remedy"), LOOK, ids=repr)
def test_worth_a_look(fact: Fact, remedy: str) -> None:
    """Captions would come; it is said what would make them better."""
    model = ModelFact("base", present=True)
    finding = make_findings(Facts((model, fact)))[1]
    assert finding.verdict == "look"
    assert remedy in finding.remedy
    assert exit_code([finding]) == 0


@pytest.mark.parametrize(("fact", "remedy", "code"), BAD, ids=repr)
def test_bad(fact: Fact, remedy: str, code: int) -> None:
    """No captions would come: what to do, and the exit code that the daemon would have had."""
    model = ModelFact("base", present=True)
    findings = make_findings(Facts((model, fact)))
    assert findings[1].verdict == "bad"
    assert remedy in findings[1].remedy
    assert exit_code(findings) == code


def test_the_first_that_is_bad_counts() -> None:
    """And none hides another; a check that failed itself is told, too."""
    facts = Facts(
        (ModelFact("small", present=False), PortFact("x", 1, free=False, problem="in use")), (("service", "no"),)
    )
    findings = make_findings(facts)
    assert [finding.verdict for finding in findings] == ["bad", "bad", "look"]
    assert exit_code(findings) == 4


def test_a_model_that_fits_is_named() -> None:
    """The largest that would carry all sources: of a fast machine a larger one, of a slow one a smaller."""
    fast, slow = (make_findings(Facts((ModelFact("base", present=True), SpeedFact(s, 0.6, 1))))[1] for s in (0.1, 0.9))
    assert "small should fit as well" in fast.says
    assert "--model tiny" in slow.remedy
