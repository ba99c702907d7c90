"""The simulated clock, with an engine that knows its text: what is measured can be foreseen."""

import json
from pathlib import Path

import pytest
from drawing import DrawnDetector, tell

from streamstt.bench.figures import Reference, figures, mean_and_range, screens
from streamstt.bench.simulation import Run, simulate
from streamstt.config import Speech
from streamstt.errors import SourceError
from streamstt.speech.jobs import HeardWord, Hypothesis, Job

TALK = tell("Good morning everybody in the room.", 0.8, "We begin on time today.", 1.0)
WORDS = [{"text": t, "start": a * 0.02, "end": b * 0.02} for t, a, b in TALK.words]


def normalise(text: str) -> list[str]:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ").split()


def reference() -> Reference:
    return Reference(tuple(normalise(" ".join(TALK.text))))


def play(decode_s: float = 0.1, sources: int = 1) -> Run:
    return simulate([TALK.audio] * sources, TALK.engine, Speech(), "en", decode_s)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector sees what was drawn."""
    monkeypatch.setattr("streamstt.bench.simulation.make_detector", lambda settings: DrawnDetector())


def test_all_words_come(tmp_path: Path) -> None:
    """The finals say what was said; every word comes after it was spoken, and no later than the decodes explain."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    run = play()
    found = figures(run, Reference.read(None, tmp_path / "words.json", normalise), normalise)
    assert found["wer"] == 0
    assert found["word_end_error_ms"] == pytest.approx(0, abs=1)
    assert -0.3 < found["shown_p50_s"] < 0.8
    assert found["shown_p50_s"] <= found["settled_p50_s"] <= found["final_p50_s"] < 3
    assert found["updates"] == len(run.decodes) > 5
    assert found["cpu_s_per_s"] > 0


def test_a_slow_engine_is_seen() -> None:
    """When decodes take longer, words come later by about as much, updates are fewer, and some are overdue."""
    quick, slow = (figures(play(decode_s), None, normalise) for decode_s in (0.05, 1.5))
    assert slow["shown_p50_s"] > quick["shown_p50_s"] + 1
    assert slow["updates"] < quick["updates"]
    assert quick["overdue_max_s"] < 0.2 < slow["overdue_max_s"]


def test_several_sources() -> None:
    """Each source has its own track, and one engine serves them all."""
    run = play(sources=3)
    assert [normalise(" ".join(f.text for _, f in t.finals)) for t in run.tracks] == [
        normalise(" ".join(TALK.text))
    ] * 3
    assert run.audio_s == pytest.approx(3 * len(TALK.audio) / 16000)


def test_time_only_goes_on() -> None:
    """What a viewer sees comes in order, and nothing before it was spoken."""
    (track,) = play().tracks
    times = [s.at for s in screens(track, normalise)]
    assert times == sorted(times)
    assert all(at >= f.end - 0.001 for at, f in track.finals)


class Liar:
    """An engine that says the same whatever it hears."""

    info = TALK.engine.info

    def decode(self, job: Job) -> Hypothesis:
        return Hypothesis(job, (HeardWord(" nonsense", job.start, job.end, 1.0, (1,)),), "en")


def test_errors_are_counted() -> None:
    """An engine that hears something else has a word error rate to match."""
    run = simulate([TALK.audio], Liar(), Speech(), "en", 0.1)
    assert figures(run, reference(), normalise)["wer"] >= 100


def test_mean_and_range() -> None:
    """Of several runs, mean and range; what was not measured stays so."""
    merged = mean_and_range([{"a": 1.0, "b": None}, {"a": 3.0, "b": None}])
    assert merged == {"a": {"mean": 2.0, "min": 1.0, "max": 3.0}, "b": None}


def test_bad_references(tmp_path: Path) -> None:
    """A reference that cannot be read is an error that names it."""
    (tmp_path / "words.json").write_text('[{"word": "x"}]')
    for path in (tmp_path / "words.json", tmp_path / "missing.json"):
        with pytest.raises(SourceError, match=path.name):
            Reference.read(None, path, normalise)
    assert Reference.read(None, None, normalise) is None
