"""What passes between the event loop and the engine thread: a decode job, and its result, a hypothesis.

Times are sample indices of the source's stream. Both classes are frozen; the engine must not write to ``Job.audio``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from streamstt.audio.format import Samples


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """A word as the engine recognized it.

    Attributes:
        text: The word as the model writes it, with its leading space in languages that have one.
        start: Sample index where it begins.
        end: Sample index where it ends.
        probability: Mean probability of its tokens, 0 to 1.
        tokens: The model's tokens, so that a committed word is forced exactly as it was recognized.
        tokenizer: Identifies what made the tokens; a model with another one has to encode the text again. Empty: the
            model that is in force.
    """

    text: str
    start: int
    end: int
    probability: float
    tokens: tuple[int, ...] = ()
    tokenizer: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A request to decode audio.

    Attributes:
        source: Name of the source.
        start: Sample index of ``audio[0]``.
        audio: Shape (n,), 16 kHz, float32.
        final: Whether the utterance is complete: it is decoded to its very end.
        language: Language code; None: it is detected.
        committed: Words in ``audio`` that will not change: the decoder continues after them.
        draft: Words that the last update recognized after the committed words, to be verified.
        expected_language: Language code of the last utterance of this source; None: unknown. Short speech that could
            be in several languages is probably in this one.
        must_continue: Whether somebody speaks after the committed words: at least one word follows, even if the model
            would end the text.
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

    def cut(self, start: int, end: int) -> "Job":
        """Returns a job for the audio between two sample indices of the stream, without words that are known."""
        audio = self.audio[max(start - self.start, 0) : end - self.start]
        return replace(self, start=max(start, self.start), audio=audio, committed=(), draft=(), must_continue=False)

    def __str__(self) -> str:
        kind = "final" if self.final else "partial"
        return f"{self.source} {kind} {self.start}+{len(self.audio)}"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the engine recognized.

    Attributes:
        job: The job that was decoded.
        words: The words that follow ``job.committed``.
        language: Code of the language that was decoded.
        no_speech: Probability that the audio holds no speech, 0 to 1.
        logprob: Mean log-probability of the tokens of ``words``; 0.0 when there are none.
        looped: Whether the engine repeated itself and was stopped: words may be missing after the last one.
        draft_probabilities: Mean probability of the tokens of each word of ``job.draft`` after those before it,
            whether they were accepted or not; may end before the draft does, and is empty if it was not verified.
    """

    job: Job
    words: tuple[RecognizedWord, ...]
    language: str
    no_speech: float = 0.0
    logprob: float = 0.0
    looped: bool = False
    draft_probabilities: tuple[float, ...] = ()

    def __str__(self) -> str:
        """Describes it for logs, which must not hold what was said."""
        return (
            f"{self.job}: {len(self.words)} words, no-speech {self.no_speech:.2f}, log-probability {self.logprob:.2f}"
        )


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """A description of a loaded engine.

    Attributes:
        model: Name of the model.
        device: Device that it runs on, such as ``cpu``.
        precision: Number format of its weights.
        languages: Codes of the languages that it knows, sorted.
    """

    model: str
    device: str
    precision: str
    languages: tuple[str, ...]


class Engine(Protocol):
    """Recognizes words in audio; runs in one thread of its own. It must not know sources, captions or the clock."""

    @property
    def info(self) -> EngineInfo:
        """Description of what is loaded."""
        ...

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job.

        Raises:
            EngineError: The decode failed; that of the next job may work.
        """
        ...

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Sets names and terms to expect from the next job on.

        Args:
            terms: Names and terms, as they are written.

        Raises:
            ConfigError: There are more than the model takes.
        """
        ...

    def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
        """Decodes one job in small steps, between which other jobs may be decoded.

        Args:
            job: The job; its draft may hold words that the audio does not.

        Yields:
            None after each step; after the last one the hypothesis.

        Raises:
            EngineError: The decode failed.
        """
        ...

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes many jobs side by side, which takes less CPU time than one after the other.

        Jobs are taken when there is room for them, so ``jobs`` may depend on the hypotheses so far.

        Args:
            jobs: The jobs. Those whose language is to be detected must be in the order of their audio, because the
                language of one, once it is known, is expected in the next.

        Yields:
            The hypotheses, in any order.

        Raises:
            EngineError: A decode failed.
        """
        ...


def join_words(words: Sequence[RecognizedWord]) -> str:
    """Joins words to text as a reader sees it."""
    return "".join(w.text for w in words).lstrip()
