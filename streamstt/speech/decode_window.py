"""Which audio of an open utterance is decoded: the window moves forward behind the committed words."""

from streamstt.audio.format import samples_from_ms
from streamstt.audio.ring import Ring
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.speech.cut_points import MIN_KEPT, NEW_START_PAUSE, find_cut_point, find_first_pause, find_quietest
from streamstt.speech.reliability import SpeechFrames
from streamstt.speech.repetitions import repetition_end
from streamstt.speech.utterance import Utterance

MAX_CONTINUATIONS = 2  # updates that must continue the committed words, before one decodes without them


class DecodeWindow:
    """Moves the start of the utterances of one source.

    Attributes:
        settings: Settings of the ``[speech]`` section that are in force.
    """

    def __init__(self, ring: Ring, speech_frames: SpeechFrames, settings: SpeechSettings) -> None:
        """Shares ring and speech frames with the session, which fills them.

        Args:
            ring: The audio of the source.
            speech_frames: The frames with speech, as far back as the ring reaches.
            settings: Settings of the ``[speech]`` section.
        """
        self._ring = ring
        self._speech_frames = speech_frames
        self.settings = settings

    def trim(self, utterance: Utterance, *, no_words: bool, looped: bool = False) -> bool:
        """Cuts off the beginning of the window of an open utterance where its words are committed.

        The cost of an update is that of its window, so a full window is cut. It is also cut after a pause, and if
        there is speech without words: a model that has just decoded a finished sentence tends to end the text
        there. First it must continue; if that does not help, it decodes what follows without context.

        Args:
            utterance: The utterance that was decoded; a closed one is left as it is.
            no_words: Whether the decode had no words after the committed ones.
            looped: Whether it had none because the engine repeated itself.

        Returns:
            Whether the start of the utterance may have moved.
        """
        if utterance.end is not None:
            return False
        committed = utterance.committed[utterance.words_before_start :]
        if no_words and looped and committed:
            return self._leave_repetition(utterance, committed[-1])
        full = utterance.decoded_until - utterance.start >= samples_from_ms(self.settings.window_s * 1000)
        paused = stalled = False
        if no_words and committed:
            last = committed[-1].end
            stalled = self._speech_frames.continues_after(committed[-1], utterance.decoded_until)
            if stalled and utterance.continuations < MAX_CONTINUATIONS:
                utterance.continuations += 1
                utterance.decode_now = utterance.continuations == 1  # the second time it waits for more audio
                return False
            paused = stalled or full or utterance.decoded_until - last >= NEW_START_PAUSE
        if not paused and not full:
            return False
        utterance.decode_now = stalled
        self.move_start(utterance, 0 if paused else MIN_KEPT)
        if not (committed or utterance.draft):
            utterance.start = utterance.decoded_until - MIN_KEPT
        utterance.discard_used_words()
        return True

    def _leave_repetition(self, utterance: Utterance, last: RecognizedWord) -> bool:
        """Starts the window behind the last committed word: the engine lost its place in what is said repeatedly."""
        if not self._speech_frames.continues_after(last, utterance.decoded_until, looped=True):
            return False
        low, high = repetition_end(last)
        utterance.start = low + find_quietest(self._ring.read(low, min(high, utterance.decoded_until)))
        utterance.words_before_start = len(utterance.committed)
        utterance.continuations = 0
        utterance.decode_now = True
        utterance.discard_used_words()
        return True

    def move_start(self, utterance: Utterance, min_kept: int) -> None:
        """Moves the start of the window behind committed words, if there is a place to cut.

        Args:
            utterance: The utterance.
            min_kept: Number of samples that must stay, as for ``find_cut_point``.
        """
        committed = utterance.committed[utterance.words_before_start :]
        cut = find_cut_point(
            committed, utterance.draft, utterance.start, utterance.decoded_until, min_kept, utterance.language
        )
        if cut:
            count, low, high = cut
            utterance.words_before_start += count
            utterance.start = low + find_first_pause(self._ring.read(low, high))
            utterance.continuations = 0
