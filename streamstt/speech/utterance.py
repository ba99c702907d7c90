"""Speech between two silences, while it is listened to; and what of the utterance before it is heard with it."""

from dataclasses import dataclass, field

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import HeardWord

WINDOW = samples_from_ms(28_000)  # samples: what one decode may hear; Whisper's own window is 30 s
CONTEXT = samples_from_ms(
    6000
)  # samples of the utterance before that the beginning of a new one is heard with, at most
APART = samples_from_ms(3000)  # samples between two utterances, from which the first is no context for the second
LEAD = samples_from_ms(160)  # samples that the context begins before its first word


@dataclass(slots=True)
class Utterance:
    """Words are in the order they were spoken; positions are sample indices.

    Attributes:
        start: Of what is still listened to: it moves up as words are committed.
        end: None while it is still spoken.
        heard: Up to where it was decoded; 0 before the first time.
        again: It should be decoded again without waiting for more audio.
        committed: Words that will not change, first those of the context.
        draft: Words that may.
        finished: How many committed words are in finals already.
        passed: How many committed words lie before ``start``: their audio is not listened to again.
        language: Code.
        tries: How often its audio was asked for again, after it was closed.
        asked: How often the engine was told that speech follows the committed words, since the last of these.
        context: How many of the committed words belong to the utterance before.
        begin: Where it begins itself, when it has a context.
    """

    start: int
    end: int | None = None
    heard: int = 0
    again: bool = False
    committed: list[HeardWord] = field(default_factory=list)
    draft: tuple[HeardWord, ...] = ()
    finished: int = 0
    passed: int = 0
    language: str = ""
    tries: int = 0
    asked: int = 0
    context: int = 0
    begin: int = 0

    def follow(self, last: "Utterance", since: int, now: int) -> None:
        """Has it heard together with the end of the utterance before: Whisper hears words best among others.

        Args:
            last: The utterance before; all of its words are committed.
            since: From where there is audio.
            now: Up to where.
        """
        earliest = max(self.start - CONTEXT, last.start, since, (self.end or now) - WINDOW)
        words = [w for w in last.committed[last.passed :] if w.start - LEAD >= earliest]
        if not words or self.start - words[-1].end > APART:
            return
        self.committed = words
        self.context = self.finished = len(words)
        self.begin, self.start = self.start, words[0].start - LEAD

    @property
    def only_context(self) -> bool:
        """Whether no word of its own is committed, and some of the utterance before are."""
        return 0 < self.context == len(self.committed)

    def stand_alone(self) -> None:
        """Has it heard without its context, as long as it has no words of its own."""
        self.start = self.begin
        self.committed = []
        self.context = self.finished = self.passed = self.asked = 0

    def forget(self) -> None:
        """Drops words that nobody needs any more; speech may last for hours."""
        done = min(self.passed, self.finished)
        del self.committed[:done]
        self.passed -= done
        self.finished -= done
        self.context = max(0, self.context - done)
