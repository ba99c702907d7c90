"""The state of one utterance (speech between two silences) while it is decoded, with context from the one before."""

from dataclasses import dataclass, field

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord
from streamstt.speech.closed_decode import ClosedDecode

# All in samples.
MAX_WINDOW = samples_from_ms(28_000)  # audio of one decode; Whisper's own window is 30 s
MAX_CONTEXT = samples_from_ms(6000)  # of the previous utterance, decoded together with the beginning of the next one
MAX_CONTEXT_GAP = samples_from_ms(3000)  # with a longer gap between them, the previous utterance is no context
CONTEXT_LEAD = samples_from_ms(160)  # the context begins so long before its first word


@dataclass(slots=True)
class Utterance:
    """What is known of one utterance. Positions are sample indices; words are in the order they were spoken.

    Attributes:
        start: Start of the decode window: it moves forward as words are committed.
        end: End of the utterance; None while somebody still speaks.
        decoded_until: End of the audio of its last decode; 0 before the first.
        decode_now: Whether it should be decoded again without waiting for more audio.
        committed: Words that will not change; those of the context come first.
        draft: Words of the last decode that may still change.
        captioned_words: How many committed words are in finals already.
        words_before_start: How many committed words lie before ``start``: their audio is not decoded again.
        language: Language code; empty before the first decode.
        calls_for_more: Whether the last words that are known do not end a phrase.
        decode: Its decode after it was closed; None before the first job of that.
        continuations: Number of decodes that had to continue after the committed words, since the last commit.
        context_words: How many of the committed words belong to the previous utterance.
        own_start: Where the utterance itself begins, if it has context; 0: it has none.
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
    calls_for_more: bool = False
    decode: ClosedDecode | None = None
    continuations: int = 0
    context_words: int = 0
    own_start: int = 0

    def add_context(self, previous: "Utterance", audio_start: int, audio_end: int) -> None:
        """Has the utterance decoded together with the end of the previous one.

        Whisper recognizes a word best among others. Does nothing if the previous one ended too long ago, or if its
        audio is gone.

        Args:
            previous: The previous utterance; all of its words are committed.
            audio_start: Sample index from which there is audio.
            audio_end: Sample index up to which there is audio.
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
        """Whether the committed words are all context: at least one, and none of its own."""
        return 0 < self.context_words == len(self.committed)

    def drop_context(self) -> None:
        """Has the utterance decoded without context; it must not have committed words of its own yet."""
        self.start = self.own_start
        self.committed, self.decode = [], None
        self.context_words = self.captioned_words = self.words_before_start = self.continuations = 0

    def discard_used_words(self) -> None:
        """Drops words that lie before the decode window and are in finals: an utterance may last for hours."""
        used = min(self.words_before_start, self.captioned_words)
        del self.committed[:used]
        self.words_before_start -= used
        self.captioned_words -= used
        self.context_words = max(0, self.context_words - used)
