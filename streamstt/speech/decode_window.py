"""What of an utterance is listened to: its window moves up, and what was skipped or not heard is asked for again."""

from streamstt.audio.format import samples_from_ms
from streamstt.audio.ring import Ring
from streamstt.config.settings import Speech
from streamstt.engine.base import HeardWord
from streamstt.speech.cut_points import KEPT, PAUSE, cut_point, first_pause, quietest
from streamstt.speech.reliability import TRIES, Voice, inside
from streamstt.speech.utterance import Utterance

ASKED = 2  # so often the engine is told that somebody speaks, before it must do without what was said before


class Windows:
    """Of one source's utterances."""

    def __init__(self, ring: Ring, voice: Voice, settings: Speech) -> None:
        """Looks at the audio and where in it somebody speaks; both are the session's.

        Args:
            ring: The audio.
            voice: As far back as the ring reaches.
            settings: The ``[speech]`` section.
        """
        self._ring = ring
        self._voice = voice
        self.settings = settings

    def unheard(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> bool:
        """Whether somebody still speaks after the last word."""
        last = (words or utterance.committed)[-1]
        return utterance.tries < TRIES and self._voice.goes_on(last, utterance.heard)

    def skipped(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> int | None:
        """Index of a word in which others must have been said."""
        return self._voice.skipped(words) if utterance.tries < TRIES else None

    def split(self, utterance: Utterance, words: tuple[HeardWord, ...], skipped: int) -> Utterance:
        """Ends a closed utterance in a skipped passage, and returns the rest.

        The two sides are decoded apart, for Whisper skips a sentence, but hardly ever two in a row.
        """
        low, high = inside(words[skipped])
        at = low + quietest(self._ring.read(low, high))
        utterance.tries += 1
        rest = Utterance(
            at, utterance.end, draft=words[skipped + 1 :], language=utterance.language, tries=utterance.tries
        )
        utterance.end = utterance.heard = at
        utterance.draft = words[:skipped]
        return rest

    def trim(self, utterance: Utterance, *, quiet: bool) -> bool:
        """Stops listening to old audio whose words are committed, and says whether it may have done so.

        The cost of an update is that of its window.

        After a pause too, and when somebody speaks and no word comes: a model that has just read a finished sentence
        tends to think that all is said. It is told that it is not, and if that does not help, hears what follows alone.
        """
        if utterance.end is not None:
            return False
        committed = utterance.committed[utterance.passed :]
        full = utterance.heard - utterance.start >= samples_from_ms(self.settings.window_s * 1000)
        paused = stuck = False
        if quiet and committed:
            last = committed[-1].end
            stuck = self.unheard(utterance, ())
            if stuck and utterance.asked < ASKED:
                utterance.asked += 1
                utterance.again = utterance.asked == 1  # the second time it hears more
                return False
            paused = stuck or full or utterance.heard - last >= PAUSE
        if not paused and not full:
            return False
        utterance.again = stuck
        self.cut(utterance, 0 if paused else KEPT)
        if not (committed or utterance.draft):
            utterance.start = utterance.heard - KEPT
        utterance.forget()
        return True

    def cut(self, utterance: Utterance, kept: int) -> None:
        """Moves the start of what is listened to behind committed words, if it can; ``kept`` as in ``cut_point``."""
        committed = utterance.committed[utterance.passed :]
        found = cut_point(committed, utterance.draft, utterance.start, utterance.heard, kept)
        if found:
            count, low, high = found
            utterance.passed += count
            utterance.start = low + first_pause(self._ring.read(low, high))
            utterance.asked = 0
