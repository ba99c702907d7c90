"""Engines that make the mistakes Whisper makes now and then: they leave words out, or invent some."""

from dataclasses import dataclass, replace

from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job, RecognizedWord
from tests.support.drawing import make_talk

TALK = make_talk(
    "First we had a very long conversation about everything.", 0.2,
    "Then somebody suggested continuing tomorrow afternoon.", 0.2,
    "Nobody disagreed with that.",
)  # fmt: skip


@dataclass
class SkippingEngine:
    """An engine that skips words ``first`` to ``last`` if others are in the audio; the next word takes their time."""

    engine: Engine
    first: int
    last: int
    jobs: list[Job]

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        hypothesis = self.engine.decode(job)
        if not job.final:
            return replace(hypothesis, words=())
        skipped = {f" {t}" for t in TALK.text[self.first : self.last]}
        words = [w for w in hypothesis.words if w.text not in skipped]
        skipped_words = [w for w in hypothesis.words if w.text in skipped]
        if not words or not skipped_words:
            return hypothesis
        after = [i for i, w in enumerate(words) if w.start >= skipped_words[-1].end]
        if after:
            words[after[0]] = replace(words[after[0]], start=skipped_words[0].start)
        return replace(hypothesis, words=tuple(words))


class HallucinatingEngine:
    """An engine that makes up one short word at the very beginning of any audio."""

    info = TALK.engine.info

    def __init__(self, length: int) -> None:
        self.jobs: list[Job] = []
        self._length = length

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        end = min(job.start + self._length, job.end)
        return Hypothesis(job, (RecognizedWord(" Okay", job.start, end, 0.9),) if job.final else (), "en")
