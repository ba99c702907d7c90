"""Speech between two silences, while it is listened to; and what of the utterance before it is heard with it."""

from dataclasses import dataclass, field

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord

MAX_WINDOW = samples_from_ms(28_000)  # samples: what one decode may hear; Whisper's own window is 30 s
MAX_CONTEXT = samples_from_ms(
    6000
)  # samples of the utterance before that the beginning of a new one is heard with, at most
MAX_CONTEXT_GAP = samples_from_ms(
    3000
)  # samples between two utterances, from which the first is no context for the second
CONTEXT_LEAD = samples_from_ms(160)  # samples that the context begins before its first word


@dataclass(slots=True)
class Utterance:
    """Words are in the order they were spoken; positions are sample indices.

    Attributes:
        start: Of what is still listened to: it moves up as words are committed.
        end: None while it is still spoken.
        decoded_until: Up to where it was decoded; 0 before the first time.
        decode_now: It should be decoded again without waiting for more audio.
        committed: Words that will not change, first those of the context.
        draft: Words that may.
        captioned_words: How many committed words are in finals already.
        words_before_start: How many committed words lie before ``start``: their audio is not listened to again.
        language: Code.
        retries: How often its audio was asked for again, after it was closed.
        continuations: How often the engine was told that speech follows the committed words, since the last of these.
        context_words: How many of the committed words belong to the utterance before.
        begin: Where it begins itself, when it has a context.
    """

    start: int
    end: int | None = None
    decoded_until: int = 0
    decode_now: bool = False
    committed: list[RecognizedWord] = field(default_factory=list)
    draft: tuple[RecognizedWord, ...] = ()
    captioned_words: int = 0
    words_before_start: int = 0
    language: str = ""
    retries: int = 0
    continuations: int = 0
    context_words: int = 0
    own_start: int = 0

    def add_context(self, previous: "Utterance", audio_start: int, audio_end: int) -> None:
        """Has it heard together with the end of the utterance before: Whisper hears words best among others.

        Args:
            previous: The utterance before; all of its words are committed.
            audio_start: From where there is audio.
            audio_end: Up to where.
        """
        earliest = max(self.start - MAX_CONTEXT, previous.start, audio_start, (self.end or audio_end) - MAX_WINDOW)
        words = [w for w in previous.committed[previous.words_before_start :] if w.start - CONTEXT_LEAD >= earliest]
        if not words or self.start - words[-1].end > MAX_CONTEXT_GAP:
            return
        self.committed = words
        self.context_words = self.captioned_words = len(words)
        self.own_start, self.start = self.start, words[0].start - CONTEXT_LEAD

    @property
    def has_only_context(self) -> bool:
        """Whether no word of its own is committed, and some of the utterance before are."""
        return 0 < self.context_words == len(self.committed)

    def drop_context(self) -> None:
        """Has it heard without its context, as long as it has no words of its own."""
        self.start = self.own_start
        self.committed = []
        self.context_words = self.captioned_words = self.words_before_start = self.continuations = 0

    def discard_used_words(self) -> None:
        """Drops words that nobody needs any more; speech may last for hours."""
        done = min(self.words_before_start, self.captioned_words)
        del self.committed[:done]
        self.words_before_start -= done
        self.captioned_words -= done
        self.context_words = max(0, self.context_words - done)
