"""The model is changed in the middle of an utterance: the words so far stay, and the new model continues them."""

from pathlib import Path

import numpy as np
import pytest

from streamstt.audio.format import Block
from streamstt.audio.vad import make_detector
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Engine, Hypothesis, Job
from streamstt.events import Final, Partial
from streamstt.speech.session import Session
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.streaming import StreamingEngine
from tests.support.daemon import text_of
from tests.support.streaming import COARSE, recording
from tests.support.word_errors import word_error_rate

BLOCK = 1600  # samples


@pytest.fixture(scope="module")
def engines(base_folder: Path, tiny_folder: Path) -> list[Engine]:
    """Two models with different tokenizers."""
    return [
        StreamingEngine(Checkpoint("base", base_folder, "cache"), COARSE),
        StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), COARSE),
    ]


class Changing:
    """Changes to the other model every few jobs, and notes the jobs with words of the one before."""

    def __init__(self, engines: list[Engine], every: int) -> None:
        self._engines = engines
        self._every = every
        self._jobs = 0
        self.inherited = 0

    def decode(self, job: Job) -> Hypothesis:
        engine = self._engines[self._jobs // self._every % 2]
        self._jobs += 1
        hypothesis = engine.decode(job)
        own = {word.tokenizer for word in hypothesis.words}
        self.inherited += bool(own) and any(word.tokenizer not in own for word in job.committed)
        return hypothesis


def test_the_words_stay(engines: list[Engine]) -> None:
    """What was shown as stable stays, and the sentence is complete, although both models had a part in it."""
    audio = np.concatenate([recording("long_sentence"), np.zeros(2 * 16_000, np.float32)])
    changing = Changing(engines, every=4)
    session = Session("test", SpeechSettings(), make_detector, "en")
    finals: list[str] = []
    stable = ""
    for start in range(0, len(audio), BLOCK):
        events = session.push(Block(start, audio[start : start + BLOCK]))
        if job := session.next_job():
            events += session.apply(changing.decode(job))
        for event in events:
            if isinstance(event, Partial | Final):
                assert event.text.startswith(stable)
                stable = event.text[: event.stable] if isinstance(event, Partial) else ""
            if isinstance(event, Final):
                finals.append(event.text)
    assert changing.inherited >= 2
    assert word_error_rate(text_of("long_sentence"), " ".join(finals)) < 0.15, finals
