"""Second looks with real weights: in steps between live updates, and what they do to the words of real speech."""

from pathlib import Path

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE
from streamstt.bench.figures import Reference, compute_figures
from streamstt.bench.simulation import simulate
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.streaming import StreamingEngine
from tests.support.paths import DATA
from tests.support.streaming import EXACT, SHORT, drafted, job, recording, text_of, tokens_of

NAMES = ("meeting", "short")


@pytest.fixture(scope="module")
def exact(tiny_folder: Path) -> StreamingEngine:
    """whisper-tiny.en in float32."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), EXACT)


def test_steps_between_live_updates(exact: StreamingEngine) -> None:
    """A decode in steps is that of one job at once, whatever its draft, and neither disturbs live updates of a window
    that grows nor is disturbed by them; each step is a small part of it."""
    audio = recording("meeting")
    again = job(audio, draft=drafted([11, 40_000, 7]))
    updates = [job(SHORT[: SAMPLE_RATE * seconds], final=False) for seconds in (2, 3, 4)]
    live_alone = [tokens_of(exact.decode(update)) for update in updates]
    expected = exact.decode(job(audio))
    exact.decode(job(SHORT))  # a final: the window is forgotten
    live: list[Hypothesis] = []
    results: list[Hypothesis] = []
    n_steps = 0
    for step in exact.decode_in_steps(again):
        n_steps += 1
        if n_steps % 3 == 1 and len(live) < len(updates):
            live.append(exact.decode(updates[len(live)]))
        results += [step] if step else []
    (result,) = results
    assert text_of(result) == text_of(expected)
    assert len(result.draft_probabilities) == len(again.draft)
    assert max(result.draft_probabilities) < 0.01, "nobody says this"
    assert [w.start for w in result.words] == pytest.approx([w.start for w in expected.words], abs=SAMPLE_RATE // 20)
    assert [tokens_of(hypothesis) for hypothesis in live] == live_alone
    assert n_steps > 14, "four layers, and ten words at least"


def test_words_of_real_speech(exact: StreamingEngine) -> None:
    """After the second look there are no more errors than before, and it comes within ten seconds."""
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = np.concatenate([part for name in NAMES for part in (recording(name), pause)])
    text = " ".join((DATA / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES)

    def normalize(words: str) -> list[str]:
        return "".join(c for c in words.lower() if c.isalnum() or c in " '").split()

    run = simulate([audio], exact, SpeechSettings(), "en", 0.14, second_look=True)
    figures = compute_figures(run, Reference(tuple(normalize(text))), normalize)
    assert figures["wer_second_look"] <= figures["wer"]
    assert 0 < figures["second_look_cpu_s_per_s"] < figures["cpu_s_per_s"]
    (trace,) = run.traces
    assert max(trace.correction_delays) < 10
    assert [(f.id, f.start, f.end) for f in trace.final_captions] == [(f.id, f.start, f.end) for _, f in trace.finals]
