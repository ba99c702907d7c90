"""Engines that make the mistakes Whisper makes now and then: they leave words out, or invent some."""

from dataclasses import dataclass, replace

from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job, RecognizedWord
from tests.support.drawing import tell

TALK = tell(
    "First we had a very long conversation about everything.", 0.2,
    "Then somebody suggested continuing tomorrow afternoon.", 0.2,
    "Nobody disagreed with that.",
)  # fmt: skip


@dataclass
class SkippingEngine:
    """Leaves out words ``first`` to ``last`` of TALK when it recognizes them among others; the next word is given their
    time, too.
    """

    engine: Engine
    first: int
    last: int
    jobs: list[Job]

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        whole = self.engine.decode(job)
        if not job.final:
            return replace(whole, words=())
        skipped = {f" {t}" for t in TALK.text[self.first : self.last]}
        words = [w for w in whole.words if w.text not in skipped]
        left_out = [w for w in whole.words if w.text in skipped]
        if not words or not left_out:
            return whole
        after = [i for i, w in enumerate(words) if w.start >= left_out[-1].end]
        if after:
            words[after[0]] = replace(words[after[0]], start=left_out[0].start)
        return replace(whole, words=tuple(words))


class HallucinatingEngine:
    """Recognizes one short word at the very beginning of any audio that a final decode is asked for."""

    info = TALK.engine.info

    def __init__(self, length: int) -> None:
        self.jobs: list[Job] = []
        self._length = length

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        end = min(job.start + self._length, job.end)
        return Hypothesis(job, (RecognizedWord(" Okay", job.start, end, 0.9),) if job.final else (), "en")
