"""Which finals of a source are heard again together: passages of some 17 s that begin and end between finals.

Whisper recognizes more with more around it, and the first words of an update have had nothing around them yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.audio.ring import Ring
from streamstt.engine.base import Job, RecognizedWord
from streamstt.speech.cut_points import find_quietest
from streamstt.speech.reliability import SpeechFrames

# All in samples.
MIN_PASSAGE = samples_from_ms(14_000)  # from here on a passage may end; at less, more words are wrong
MAX_PASSAGE = samples_from_ms(20_000)
GOOD_PAUSE = samples_from_ms(1000)  # a pause of this length ends a passage that is long enough
MAX_PAUSE = samples_from_ms(5000)  # a pause of this length ends any passage: what is corrected late is not read
AUDIO_BEFORE = samples_from_ms(400)  # audio before the first word
AUDIO_AFTER = samples_from_ms(500)  # audio after the last word
NARROW_PAUSE = 4 * FRAME  # between words, up to which the times of words are too rough to find a pause in it
MAX_AUDIO = samples_from_ms(28_000)  # Whisper's own window is 30 s


@dataclass(frozen=True, slots=True)
class HeardFinal:
    """A final as it was recognized.

    Attributes:
        id: Its id.
        words: Its words before they were rewritten, at least one.
        language: Language code.
    """

    id: str
    words: tuple[RecognizedWord, ...]
    language: str

    @property
    def start(self) -> int:
        """Sample index where its first word begins."""
        return self.words[0].start

    @property
    def end(self) -> int:
        """Sample index where its last word ends."""
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class LivePassage:
    """Finals that are heard again together.

    Attributes:
        finals: The finals, in order.
        after: Sample index where the final before them ends.
        before: Sample index where what follows them begins, or may begin.
    """

    finals: tuple[HeardFinal, ...]
    after: int
    before: int

    @property
    def words(self) -> tuple[RecognizedWord, ...]:
        """The words of all finals."""
        return tuple(word for final in self.finals for word in final.words)


class PassageCollector:
    """Collects the finals of one source, and divides them into passages."""

    def __init__(self) -> None:
        """Starts with no final."""
        self._pending: list[HeardFinal] = []  # less than two passages
        self._divided_until = 0  # sample index where the last final of the last passage ends

    def add(self, final_id: str, words: Sequence[RecognizedWord], language: str) -> None:
        """Adds the next final; one without words says nothing that could be heard again.

        Args:
            final_id: Its id.
            words: Its words before they are rewritten.
            language: Language code.
        """
        if words:
            self._pending.append(HeardFinal(final_id, tuple(words), language))

    def next_passage(self, final_until: int) -> LivePassage | None:
        """Returns the next passage if it is complete; call again until there is none.

        A single final is none: it was heard with all that is around it.

        Args:
            final_until: Sample index up to which all speech is in finals.
        """
        while count := self._complete_count(final_until):
            if len((passage := self._divide(count, final_until)).finals) > 1:
                return passage
        return None

    def flush(self, end: int) -> LivePassage | None:
        """Returns what there is of the next passage, because no audio follows for now; None if that is a single final.

        Args:
            end: Sample index where the audio ends.
        """
        passage = self._divide(len(self._pending), end) if self._pending else None
        return passage if passage and len(passage.finals) > 1 else None

    def _divide(self, count: int, until: int) -> LivePassage:
        finals, self._pending = tuple(self._pending[:count]), self._pending[count:]
        after, self._divided_until = self._divided_until, finals[-1].end
        return LivePassage(finals, after, max(self._pending[0].start if self._pending else until, finals[-1].end))

    def _complete_count(self, final_until: int) -> int:
        """Returns how many of the finals are the next passage; 0: it is not complete."""
        choices: list[tuple[int, int]] = []  # pauses at which the passage may end, each with the number of finals
        for count, final in enumerate(self._pending, 1):
            following = self._pending[count] if count < len(self._pending) else None
            pause = (following.start if following else final_until) - final.end
            length = final.end - self._pending[0].start
            if pause >= (GOOD_PAUSE if length >= MIN_PASSAGE else MAX_PAUSE):
                return count
            if following and following.language != final.language:
                return count
            if length >= MIN_PASSAGE:
                choices.append((pause, count))
            if following and following.end - self._pending[0].start > MAX_PASSAGE:
                return max(choices)[1] if choices else count
        return 0


def cut_passage(passage: LivePassage, source: str, ring: Ring, speech_frames: SpeechFrames) -> tuple[Job, SpeechFrames]:
    """Cuts the audio of a passage: from the pause before it to the pause after it.

    Args:
        passage: The passage.
        source: Name of the source.
        ring: Audio of the source.
        speech_frames: The frames with speech, as far back as the ring reaches.

    Returns:
        The job that hears it again, and the frames with speech in its audio; the audio is empty if it is not kept any
        more, or longer than the engine takes.
    """
    finals = passage.finals
    missed = speech_frames.select(passage.after, finals[0].start).starts  # there may be words nobody has recognized
    first = min([finals[0].start, *missed[:1]])
    start = _find_border(ring, passage.after, first, first - AUDIO_BEFORE)
    end = _find_border(ring, finals[-1].end, passage.before, finals[-1].end + AUDIO_AFTER)
    start = max(start, min(end - MAX_AUDIO, finals[0].start - AUDIO_BEFORE))
    is_kept = ring.start <= start < end <= min(ring.end, start + MAX_AUDIO)
    audio = ring.read(start, end if is_kept else start)
    job = Job(source, start, audio, final=True, language=finals[0].language, draft=passage.words)
    return job, speech_frames.select(start, end)


def _find_border(ring: Ring, low: int, high: int, in_pause: int) -> int:
    """Returns where to cut between two words.

    Args:
        ring: Audio of the source.
        low: Sample index where the first of them ends.
        high: Sample index where the second begins.
        in_pause: Where to cut if there is a long pause between them.
    """
    if high - low > GOOD_PAUSE:
        return max(0, min(in_pause, ring.end))
    if high - low < NARROW_PAUSE:
        low, high = low - NARROW_PAUSE, max(low, high) + NARROW_PAUSE
    low, high = max(low, 0), min(high, ring.end)
    return low + find_quietest(ring.read(low, high)) if low < high else low
