"""The simulated clock, with an engine that knows its text: what is measured can be foreseen."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamstt.bench.figures import Reference, compute_figures, display_states, mean_and_range
from streamstt.bench.simulation import SimulationResult, SourceTrace, simulate
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import SourceError
from streamstt.events import Partial
from tests.support.drawing import DrawnDetector, tell

TALK = tell("Good morning everybody in the room.", 0.8, "We begin on time today.", 1.0)
WORDS: list[dict[str, Any]] = [{"text": t, "start": a * 0.02, "end": b * 0.02} for t, a, b in TALK.words]


def normalise(text: str) -> list[str]:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


def reference() -> Reference:
    return Reference(tuple(normalise(" ".join(TALK.text))))


def play(decode_s: float = 0.1, sources: int = 1) -> SimulationResult:
    return simulate([TALK.audio] * sources, TALK.engine, SpeechSettings(), "en", decode_s)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector sees what was drawn."""
    monkeypatch.setattr("streamstt.bench.simulation.make_detector", lambda settings: DrawnDetector())


def test_all_words_come(tmp_path: Path) -> None:
    """The finals say what was said; every word comes after it was spoken, and no later than the decodes explain."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    run = play()
    found = compute_figures(run, Reference.read(None, tmp_path / "words.json", normalise), normalise)
    assert found["wer"] == 0
    assert found["word_end_error_ms"] == pytest.approx(0, abs=1)
    assert -0.3 < found["shown_p50_s"] < 0.8
    assert found["shown_p50_s"] <= found["settled_p50_s"] <= found["final_p50_s"] < 3
    assert found["updates"] == len(run.decode_times) > 5
    assert found["cpu_s_per_s"] > 0


def test_a_slow_engine_is_seen() -> None:
    """When decodes take longer, words come later by about as much, updates are fewer, and some are overdue."""
    quick, slow = (compute_figures(play(decode_s), None, normalise) for decode_s in (0.05, 1.5))
    assert slow["shown_p50_s"] > quick["shown_p50_s"] + 1
    assert slow["updates"] < quick["updates"]
    assert quick["overdue_max_s"] < 0.2 < slow["overdue_max_s"]


def test_several_sources() -> None:
    """Each source has its own track, and one engine serves them all."""
    run = play(sources=3)
    assert [normalise(" ".join(f.text for _, f in t.finals)) for t in run.traces] == [
        normalise(" ".join(TALK.text))
    ] * 3
    assert run.audio_s == pytest.approx(3 * len(TALK.audio) / 16000)


def test_each_source_is_late_by_its_own_time(tmp_path: Path) -> None:
    """Delays of a source that began later, or whose beginning was cut off, count from its own words."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    said = Reference.read(None, tmp_path / "words.json", normalise)
    pause, cut = np.zeros(8000, np.float32), 4800  # samples: half a second, and 0.3 s
    run = simulate(
        [TALK.audio[cut:], np.concatenate([pause, TALK.audio[cut:]])],
        Shifted({"source-1": -0.3, "source-2": 0.2}),
        SpeechSettings(),
        "en",
        0.01,
    )
    found = compute_figures(run, said, normalise, [-0.3, 0.2])
    assert found["wer"] == 0
    assert found["word_end_error_ms"] == pytest.approx(0, abs=1)
    assert -0.3 < found["shown_p50_s"] < 0.8


def test_a_normaliser_that_joins_words() -> None:
    """A stable word that is counted as one with the next takes nothing back from those before it."""
    track = SourceTrace()
    for at, stable in ((1.0, len("we have ")), (2.0, len("we have twenty"))):
        track.record(at, [Partial("a", "a-1", 1, 0, at, "we have twenty one", stable, "en")])
    seen = display_states(track, lambda text: text.replace("twenty one", "21").split())
    assert [s.words[: s.settled] for s in seen] == [("we", "have"), ("we", "have")]


def test_time_only_goes_on() -> None:
    """What a viewer sees comes in order, and nothing before it was spoken."""
    (track,) = play().traces
    times = [s.at for s in display_states(track, normalise)]
    assert times == sorted(times)
    assert all(at >= f.end - 0.001 for at, f in track.finals)


@dataclass(frozen=True)
class Shifted:
    """An engine that hears the talk so much later (s) in each source."""

    late_by: dict[str, float]
    info = TALK.engine.info

    def decode(self, job: Job) -> Hypothesis:
        by = self.late_by[job.source]
        words = tuple(ScriptWord(text=f" {w['text']}", start=w["start"] + by, end=w["end"] + by) for w in WORDS)
        return ScriptedEngine(Script(words=words)).decode(job)


class Liar:
    """An engine that says the same whatever it hears."""

    info = TALK.engine.info

    def decode(self, job: Job) -> Hypothesis:
        return Hypothesis(job, (RecognizedWord(" nonsense", job.start, job.end, 1.0, (1,)),), "en")


def test_errors_are_counted() -> None:
    """An engine that hears something else has a word error rate to match."""
    run = simulate([TALK.audio], Liar(), SpeechSettings(), "en", 0.1)
    assert compute_figures(run, reference(), normalise)["wer"] >= 100


def test_mean_and_range() -> None:
    """Of several runs, mean and range; what was not measured stays so."""
    merged = mean_and_range(
        [{"a": 1.0, "b": None, "c": [1.0, None, None]}, {"a": 3.0, "b": None, "c": [2.0, 4.0, None]}]
    )
    assert merged == {"a": {"mean": 2.0, "min": 1.0, "max": 3.0}, "b": None, "c": [1.5, 4.0, None]}


def test_bad_references(tmp_path: Path) -> None:
    """A reference that cannot be read is an error that names it."""
    (tmp_path / "words.json").write_text('[{"word": "x"}]')
    for path in (tmp_path / "words.json", tmp_path / "missing.json"):
        with pytest.raises(SourceError, match=path.name):
            Reference.read(None, path, normalise)
    assert Reference.read(None, None, normalise) is None
