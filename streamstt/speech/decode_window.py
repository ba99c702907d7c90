"""What of an utterance is listened to: its window moves up, and what was skipped or not heard is asked for again."""

from streamstt.audio.format import samples_from_ms
from streamstt.audio.ring import Ring
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.speech.cut_points import MIN_KEPT, NEW_START_PAUSE, find_cut_point, find_first_pause, find_quietest
from streamstt.speech.reliability import MAX_RETRIES, SpeechFrames, cut_range
from streamstt.speech.utterance import Utterance

MAX_CONTINUATIONS = (
    2  # so often the engine is told that somebody speaks, before it must do without what was said before
)


class DecodeWindow:
    """Of one source's utterances."""

    def __init__(self, ring: Ring, speech_frames: SpeechFrames, settings: SpeechSettings) -> None:
        """Looks at the audio and where in it somebody speaks; both are the session's.

        Args:
            ring: The audio.
            speech_frames: As far back as the ring reaches.
            settings: The ``[speech]`` section.
        """
        self._ring = ring
        self._speech_frames = speech_frames
        self.settings = settings

    def has_unrecognized_speech(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> bool:
        """Whether somebody still speaks after the last word."""
        last = (words or utterance.committed)[-1]
        return utterance.retries < MAX_RETRIES and self._speech_frames.continues_after(last, utterance.decoded_until)

    def find_skipped(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> int | None:
        """Index of a word in which others must have been said."""
        return self._speech_frames.find_skipped(words) if utterance.retries < MAX_RETRIES else None

    def split(self, utterance: Utterance, words: tuple[RecognizedWord, ...], word_index: int) -> Utterance:
        """Ends a closed utterance in a skipped passage, and returns the rest.

        The two sides are decoded apart, for Whisper skips a sentence, but hardly ever two in a row.
        """
        low, high = cut_range(words[word_index])
        at = low + find_quietest(self._ring.read(low, high))
        utterance.retries += 1
        rest = Utterance(
            at, utterance.end, draft=words[word_index + 1 :], language=utterance.language, retries=utterance.retries
        )
        utterance.end = utterance.decoded_until = at
        utterance.draft = words[:word_index]
        return rest

    def trim(self, utterance: Utterance, *, no_words: bool) -> bool:
        """Stops listening to old audio whose words are committed, and says whether it may have done so.

        The cost of an update is that of its window.

        After a pause too, and when somebody speaks and no word comes: a model that has just read a finished sentence
        tends to think that all is said. It is told that it is not, and if that does not help, hears what follows alone.
        """
        if utterance.end is not None:
            return False
        committed = utterance.committed[utterance.words_before_start :]
        full = utterance.decoded_until - utterance.start >= samples_from_ms(self.settings.window_s * 1000)
        paused = stuck = False
        if no_words and committed:
            last = committed[-1].end
            stuck = self.has_unrecognized_speech(utterance, ())
            if stuck and utterance.continuations < MAX_CONTINUATIONS:
                utterance.continuations += 1
                utterance.decode_now = utterance.continuations == 1  # the second time it hears more
                return False
            paused = stuck or full or utterance.decoded_until - last >= NEW_START_PAUSE
        if not paused and not full:
            return False
        utterance.decode_now = stuck
        self.move_start(utterance, 0 if paused else MIN_KEPT)
        if not (committed or utterance.draft):
            utterance.start = utterance.decoded_until - MIN_KEPT
        utterance.discard_used_words()
        return True

    def move_start(self, utterance: Utterance, min_kept: int) -> None:
        """Moves the start of what is listened to behind committed words, if it can; ``min_kept`` as in ``find_cut_point``."""
        committed = utterance.committed[utterance.words_before_start :]
        found = find_cut_point(committed, utterance.draft, utterance.start, utterance.decoded_until, min_kept)
        if found:
            count, low, high = found
            utterance.words_before_start += count
            utterance.start = low + find_first_pause(self._ring.read(low, high))
            utterance.continuations = 0
