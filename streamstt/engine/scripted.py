"""An engine that plays back a script instead of recognizing speech: each word comes when the audio reaches its time.

It serves to design overlays and to test clients without a model, and for tests that need exact words. It behaves as a
real one does: a word that is still being spoken is recognized in part, committed words are not repeated.
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
    """What the engine recognizes, and how it misbehaves. All times are seconds of stream time.

    Attributes:
        words: The words in order.
        language: Language code.
        repeat_s: Period after which the script starts again; 0: it is played once.
        decode_s: How long each decode takes, as on a slow machine.
        hang_s: From this time on a decode never ends, as in a library that is stuck; 0: all end.
        fails_after: Number of decodes after which all fail, as if out of memory, until the engine is loaded again; 0:
            none fails.
        poison_s: Decodes of audio with one of these times always fail.
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
    """An ``Engine`` that plays back a script.

    Attributes:
        script: The script.
        decode_count: Number of decodes that worked.
    """

    script: Script
    decode_count: int = 0

    @property
    def info(self) -> EngineInfo:
        """Description of the script: it knows one language."""
        return EngineInfo("script", "none", "exact", (self.script.language,))

    @classmethod
    def load(cls, path: Path) -> "ScriptedEngine":
        """Reads a script from a JSON file.

        Raises:
            ModelError: The file cannot be read, or is not a script.
        """
        try:
            return cls(Script.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise ModelError(f"cannot read the script {path}: {error.strerror}") from error
        except ValidationError as error:
            example = json.dumps({"words": [{"text": " Hello", "start": 0.5, "end": 0.9}]})
            raise ModelError(
                f"{path} is not a script: {error.errors()[0]['msg']}; expected for example {example}"
            ) from error

    def decode(self, job: Job) -> Hypothesis:
        """Returns the words of the script whose middle lies in the job's audio, after its committed words.

        Raises:
            EngineError: The script has this decode fail.
        """
        if self.script.decode_s:  # sleeping for 0 s would hand the processor to others
            time.sleep(self.script.decode_s)
        if 0 < samples_from_ms(self.script.hang_s * 1000) <= job.end:
            threading.Event().wait()
        exhausted = 0 < self.script.fails_after <= self.decode_count
        if exhausted or any(job.start <= samples_from_ms(at * 1000) < job.end for at in self.script.poison_s):
            raise EngineError(f"the script has {job} fail")
        self.decode_count += 1
        after = max(job.committed[-1].end if job.committed else 0, job.start)
        words = [_recognize(word, job) for word in self._scheduled_words(job) if (word.start + word.end) // 2 >= after]
        return Hypothesis(job, tuple(w for w in words if w), job.language or self.script.language)

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Does nothing: the words of a script are fixed."""

    def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
        """Decodes the job in one step."""
        yield self.decode(job)

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes the jobs one after the other."""
        return map(self.decode, jobs)

    def _scheduled_words(self, job: Job) -> list[RecognizedWord]:
        period = samples_from_ms(self.script.repeat_s * 1000)
        repetitions = range(job.start // period, job.end // period + 1) if period else range(1)
        return [
            RecognizedWord(
                w.text,
                samples_from_ms(w.start * 1000) + n * period,
                samples_from_ms(w.end * 1000) + n * period,
                1.0,
            )
            for n in repetitions
            for w in self.script.words
        ]


def _recognize(word: RecognizedWord, job: Job) -> RecognizedWord | None:
    """Returns a word as far as the job's audio reaches; in a final job, only if its middle lies in the audio."""
    if word.end <= job.end:
        return word
    if word.start >= job.end or (job.final and (word.start + word.end) // 2 >= job.end):
        return None
    share = (job.end - word.start) / (word.end - word.start)
    text = word.text if job.final else word.text[: max(2, round(len(word.text) * share))]
    return RecognizedWord(text, word.start, job.end, share)
