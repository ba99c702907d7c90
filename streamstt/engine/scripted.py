"""An engine that says what a script says, when the audio reaches it.

For designing overlays and testing clients without a model, and for tests that need exact words. It behaves as a real
one does: a word that is still being spoken is heard in part, committed words are never said again.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import EngineInfo, Hypothesis, Job, RecognizedWord
from streamstt.errors import EngineError, ModelError


class ScriptWord(BaseModel):
    """One word of a script; times in seconds of stream time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    start: float
    end: float


class Script(BaseModel):
    """What is said, in order.

    Attributes:
        words: Each with its times.
        language: Code.
        repeat_s: From the start again so often; 0 for once.
        decode_s: So long each decode takes, as on a slow machine.
        hang_s: From this second of stream time on a decode never ends, as in a library that is stuck; 0: they all do.
        fails_after: So many decodes after it was loaded it fails, as for want of memory, until it is loaded again; 0:
            never.
        poison_s: What is said at these times it can never decode.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[ScriptWord, ...]
    language: str = "en"
    repeat_s: float = 0
    decode_s: float = Field(0, ge=0)
    hang_s: float = Field(0, ge=0)
    fails_after: int = Field(0, ge=0)
    poison_s: tuple[float, ...] = ()


@dataclass(slots=True)
class ScriptedEngine:
    """Implements ``Engine``."""

    script: Script
    decode_count: int = 0

    @property
    def info(self) -> EngineInfo:
        """It speaks the script's language."""
        return EngineInfo("script", "none", "exact", (self.script.language,))

    @classmethod
    def load(cls, path: Path) -> "ScriptedEngine":
        """Reads a script from JSON.

        Raises:
            ModelError: The file cannot be read, or is no script.
        """
        try:
            return cls(Script.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise ModelError(f"cannot read the script {path}: {error.strerror}") from error
        except ValidationError as error:
            example = json.dumps({"words": [{"text": " Hello", "start": 0.5, "end": 0.9}]})
            raise ModelError(f"{path} is no script: {error.errors()[0]['msg']}; one looks like {example}") from error

    def decode(self, job: Job) -> Hypothesis:
        """The words whose middle lies in the job's audio, after its committed ones.

        Raises:
            EngineError: The script says so.
        """
        if self.script.decode_s:  # sleeping for 0 s would hand the processor to others
            time.sleep(self.script.decode_s)
        if 0 < samples_from_ms(self.script.hang_s * 1000) <= job.end:
            threading.Event().wait()
        worn_out = 0 < self.script.fails_after <= self.decode_count
        if worn_out or any(job.start <= samples_from_ms(at * 1000) < job.end for at in self.script.poison_s):
            raise EngineError(f"the script lets {job} fail")
        self.decode_count += 1
        after = max(job.committed[-1].end if job.committed else 0, job.start)
        heard = [_recognize(word, job) for word in self._scheduled_words(job) if (word.start + word.end) // 2 >= after]
        return Hypothesis(job, tuple(w for w in heard if w), job.language or self.script.language)

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """It says what it says."""

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """One after the other."""
        return map(self.decode, jobs)

    def _scheduled_words(self, job: Job) -> list[RecognizedWord]:
        period = samples_from_ms(self.script.repeat_s * 1000)
        turns = range(job.start // period, job.end // period + 1) if period else range(1)
        return [
            RecognizedWord(
                w.text,
                samples_from_ms(w.start * 1000) + turn * period,
                samples_from_ms(w.end * 1000) + turn * period,
                1.0,
            )
            for turn in turns
            for w in self.script.words
        ]


def _recognize(word: RecognizedWord, job: Job) -> RecognizedWord | None:
    """The word as far as the job's audio goes; in a final, a word belongs to the audio that holds its middle."""
    if word.end <= job.end:
        return word
    if word.start >= job.end or (job.final and (word.start + word.end) // 2 >= job.end):
        return None
    share = (job.end - word.start) / (word.end - word.start)
    text = word.text if job.final else word.text[: max(2, round(len(word.text) * share))]
    return RecognizedWord(text, word.start, job.end, share)
