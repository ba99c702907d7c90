"""What crosses between the event loop and the engine thread: a decode job, and the hypothesis that answers it.

Times are sample indices of the source's stream. Both are frozen; the engine must not write to ``Job.audio``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamstt.audio.format import Samples


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """A word as the engine heard it.

    Attributes:
        text: As the model writes it: with its leading space in languages that have one.
        start: Sample index where it begins.
        end: Sample index where it ends.
        probability: Mean probability of its tokens, 0 to 1.
        tokens: The model's tokens, so that a committed word is forced exactly as it was heard.
    """

    text: str
    start: int
    end: int
    probability: float
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One decode to run.

    Attributes:
        source: Name of the source.
        start: Sample index of ``audio[0]``.
        audio: Shape (n,), 16 kHz, float32.
        final: No more audio will come: decode to the very end.
        language: Language code, or None to detect it.
        committed: Words spoken in ``audio`` that will not change: the decoder continues after them.
        draft: What the last update of this audio said after the committed words, to be verified.
        expected_language: Language of the last utterance of this source: a scrap that could be in several is likely in this one.
        must_continue: Somebody speaks behind the committed words: at least one word follows, whatever the engine thinks.
    """

    source: str
    start: int
    audio: Samples
    final: bool
    language: str | None = None
    committed: tuple[RecognizedWord, ...] = ()
    draft: tuple[RecognizedWord, ...] = ()
    expected_language: str | None = None
    must_continue: bool = False

    @property
    def end(self) -> int:
        """Sample index of the first sample after the audio."""
        return self.start + len(self.audio)

    def __str__(self) -> str:
        kind = "final" if self.final else "partial"
        return f"{self.source} {kind} {self.start}+{len(self.audio)}"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the engine thinks was said.

    Attributes:
        job: The job that this answers.
        words: What follows ``job.committed``.
        language: Language code that was used.
        no_speech: Probability that the audio holds no speech, 0 to 1.
        logprob: Mean log-probability of the tokens of ``words``; 0.0 when there are none.
    """

    job: Job
    words: tuple[RecognizedWord, ...]
    language: str
    no_speech: float = 0.0
    logprob: float = 0.0

    def __str__(self) -> str:
        """For logs, which must not hold what was said."""
        return (
            f"{self.job}: {len(self.words)} words, no-speech {self.no_speech:.2f}, log-probability {self.logprob:.2f}"
        )


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What there is to say of an engine.

    Attributes:
        model: Name of its model.
        device: Where it runs.
        precision: Its number format.
        languages: Codes that it speaks, sorted.
    """

    model: str
    device: str
    precision: str
    languages: tuple[str, ...]


class Engine(Protocol):
    """Turns audio into words; lives in one thread of its own."""

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        ...

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job.

        Raises:
            EngineError: It failed; the next job may work.
        """
        ...

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Names and terms to expect from the next job on.

        Raises:
            ConfigError: They are too many.
        """
        ...

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes many jobs; what they gain from each other is processor time, and the answers come in any order.

        Jobs are taken when there is room for them, so they need not all be there at once: what ``jobs`` gives may
        depend on the answers so far. Those whose language is to be detected come in the order of their audio: that of
        one is expected in the next, as soon as it is known.

        Raises:
            EngineError: It failed.
        """
        ...


def join_words(words: Sequence[RecognizedWord]) -> str:
    """The words as a reader sees them."""
    return "".join(w.text for w in words).lstrip()
