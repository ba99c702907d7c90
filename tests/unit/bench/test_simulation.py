"""The simulated clock, with a scripted engine: what is measured can be predicted."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamstt.bench.figures import Reference, compute_figures, display_states, mean_and_range
from streamstt.bench.scoring import erasure
from streamstt.bench.simulation import SimulationResult, SourceTrace, simulate
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import SourceError
from streamstt.events import Final, Partial, Word
from tests.support.drawing import DrawnDetector, make_talk

TALK = make_talk("Good morning everybody in the room.", 0.8, "We begin on time today.", 1.0)
WORDS: list[dict[str, Any]] = [{"text": t, "start": a * 0.02, "end": b * 0.02} for t, a, b in TALK.words]


def normalize(text: str) -> list[str]:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


def reference() -> Reference:
    return Reference(tuple(normalize(" ".join(TALK.text))))


def play(decode_s: float = 0.1, sources: int = 1) -> SimulationResult:
    return simulate([TALK.audio] * sources, TALK.engine, SpeechSettings(), "en", decode_s)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector recognizes drawn speech."""
    monkeypatch.setattr("streamstt.bench.simulation.make_detector", lambda settings: DrawnDetector())


def test_all_words_are_captioned(tmp_path: Path) -> None:
    """The finals have all words; each comes after it was spoken, and no later than the decodes explain."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    run = play()
    figures = compute_figures(run, Reference.read(None, tmp_path / "words.json", normalize), normalize)
    assert figures["wer"] == 0
    assert figures["word_start_error_ms"] == pytest.approx(0, abs=1)
    assert figures["word_end_error_ms"] == pytest.approx(0, abs=1)
    assert -0.3 < figures["shown_p50_s"] < 0.8
    assert figures["shown_p50_s"] <= figures["settled_p50_s"] <= figures["final_p50_s"] < 3
    assert figures["updates"] == len(run.decode_times) > 5
    assert figures["cpu_s_per_s"] > 0


def test_a_slow_engine() -> None:
    """If decodes take longer, words come later by about as much, updates are fewer, and some are overdue."""
    fast, slow = (compute_figures(play(decode_s), None, normalize) for decode_s in (0.05, 1.5))
    assert slow["shown_p50_s"] > fast["shown_p50_s"] + 1
    assert slow["updates"] < fast["updates"]
    assert fast["overdue_max_s"] < 0.2 < slow["overdue_max_s"]


def test_several_sources() -> None:
    """Each source has its own trace, and one engine serves them all."""
    run = play(sources=3)
    assert [normalize(" ".join(f.text for _, f in t.finals)) for t in run.traces] == [
        normalize(" ".join(TALK.text))
    ] * 3
    assert run.audio_s == pytest.approx(3 * len(TALK.audio) / 16000)


def test_each_source_is_shifted_by_its_own_time(tmp_path: Path) -> None:
    """Delays of a source that begins later, or whose beginning was cut off, count from its own words."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    spoken = Reference.read(None, tmp_path / "words.json", normalize)
    pause, cut = np.zeros(8000, np.float32), 4800  # samples: half a second, and 0.3 s
    run = simulate(
        [TALK.audio[cut:], np.concatenate([pause, TALK.audio[cut:]])],
        Shifted({"source-1": -0.3, "source-2": 0.2}),
        SpeechSettings(),
        "en",
        0.01,
    )
    figures = compute_figures(run, spoken, normalize, [-0.3, 0.2])
    assert figures["wer"] == 0
    assert figures["word_start_error_ms"] == pytest.approx(0, abs=1)
    assert figures["word_end_error_ms"] == pytest.approx(0, abs=1)
    assert -0.3 < figures["shown_p50_s"] < 0.8


def test_a_normalizer_that_joins_words() -> None:
    """A stable word that is normalized together with the next does not unsettle the words before it."""
    trace = SourceTrace()
    for at, stable in ((1.0, len("we have ")), (2.0, len("we have twenty"))):
        trace.record(at, [Partial("a", "a-1", 1, 0, at, "we have twenty one", stable, "en")])
    states = display_states(trace, lambda text: text.replace("twenty one", "21").split())
    assert [s.words[: s.settled] for s in states] == [("we", "have"), ("we", "have")]


def test_what_is_published_at_once_is_seen_at_once() -> None:
    """The words after a final that ends a caption do not vanish: the partial with them is published with it."""
    trace = SourceTrace()
    trace.record(1.0, [Partial("a", "a-1", 1, 0, 1.0, "good morning we", 0, "en")])
    words = (Word("good", 0, 0.4, 1.0), Word("morning", 0.4, 0.8, 1.0))
    final = Final("a", "a-1", 2, 0, 0.8, "good morning", words, "en")
    trace.record(2.0, [final, Partial("a", "a-2", 1, 0.9, 2.0, "we have", 0, "en")])
    states = display_states(trace, normalize)
    assert [(s.at, s.words) for s in states] == [
        (1.0, ("good", "morning", "we")),
        (2.0, ("good", "morning", "we", "have")),
    ]
    assert erasure(states) == 0


def test_time_never_goes_back() -> None:
    """Captions come in order of time, and none before it was spoken."""
    (trace,) = play().traces
    times = [s.at for s in display_states(trace, normalize)]
    assert times == sorted(times)
    assert all(at >= f.end - 0.001 for at, f in trace.finals)


@dataclass(frozen=True)
class Shifted:
    """A scripted engine whose words are shifted (s) in each source."""

    shifts_s: dict[str, float]
    info = TALK.engine.info

    def decode(self, job: Job) -> Hypothesis:
        shift = self.shifts_s[job.source]
        words = tuple(ScriptWord(text=f" {w['text']}", start=w["start"] + shift, end=w["end"] + shift) for w in WORDS)
        return ScriptedEngine(Script(words=words)).decode(job)


class NonsenseEngine:
    """An engine that returns the same word for any audio."""

    info = TALK.engine.info

    def decode(self, job: Job) -> Hypothesis:
        return Hypothesis(job, (RecognizedWord(" nonsense", job.start, job.end, 1.0, (1,)),), "en")


def test_errors_are_counted() -> None:
    """An engine with wrong words has a high word error rate."""
    run = simulate([TALK.audio], NonsenseEngine(), SpeechSettings(), "en", 0.1)
    assert compute_figures(run, reference(), normalize)["wer"] >= 100


def test_mean_and_range() -> None:
    """Several runs have mean and range; what was not measured stays None."""
    merged = mean_and_range(
        [{"a": 1.0, "b": None, "c": [1.0, None, None]}, {"a": 3.0, "b": None, "c": [2.0, 4.0, None]}]
    )
    assert merged == {"a": {"mean": 2.0, "min": 1.0, "max": 3.0}, "b": None, "c": [1.5, 4.0, None]}


def test_invalid_references(tmp_path: Path) -> None:
    """A reference that cannot be read is an error that names the file."""
    (tmp_path / "words.json").write_text('[{"word": "x"}]')
    for path in (tmp_path / "words.json", tmp_path / "missing.json"):
        with pytest.raises(SourceError, match=path.name):
            Reference.read(None, path, normalize)
    assert Reference.read(None, None, normalize) is None
