"""The streaming logic of one source: push audio, pull a decode job, push its hypothesis, get captions.

Pure: no thread, clock, socket or model. The caller pushes blocks as they come, asks ``next_job`` whenever the engine is
free, and hands each answer to ``apply``; it publishes the events that these return, in order.
"""

from collections import deque
from enum import IntEnum

from streamstt.audio.format import Block, ms, seconds
from streamstt.audio.frames import Framer
from streamstt.audio.ring import Ring
from streamstt.audio.vad import Detector
from streamstt.config import Speech
from streamstt.speech.captions import Event, Gap, State, Status
from streamstt.speech.doubts import TRIES, Voice, inside, is_doubtful
from streamstt.speech.jobs import HeardWord, Hypothesis, Job
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, energy_of
from streamstt.speech.stabiliser import agreed, first_break
from streamstt.speech.trimming import KEPT, PAUSE, cut_point, quietest
from streamstt.speech.utterance import WINDOW, Utterance
from streamstt.speech.writer import CaptionWriter

PAUSED = ms(300)  # samples without speech, after which the last word is over, and is heard at once
DOUBTED = ms(2500)  # samples: for so long a word that the engine is not sure of may still be heard better


class Need(IntEnum):
    """What the session wants of the engine, by urgency."""

    NOTHING = 0
    PARTIAL = 1
    FINAL = 2


class Session:
    """One source on its way from audio to captions."""

    def __init__(self, source: str, settings: Speech, detector: Detector, language: str | None, ids: str = "") -> None:
        """Starts at stream time 0, in silence.

        Args:
            source: Name of the source.
            settings: The ``[speech]`` section.
            detector: Fresh, for this source only.
            language: Code, or None to detect it in each utterance.
            ids: Caption ids begin with it; empty: with the source's name.
        """
        self.source = source
        self._settings = settings
        self._detector = detector
        self._language = language
        self._expected: str | None = None
        self._ring = Ring(self.capacity)
        self._framer = Framer()
        self._segmenter = Segmenter(settings)
        self._writer = CaptionWriter(source, ids)
        self._open: Utterance | None = None
        # Closed, awaiting the engine: at most buffer_s of audio; what the ring loses is reported as a gap.
        self._closed: deque[Utterance] = deque()
        self._decoding: Utterance | None = None
        self._last: Utterance | None = None  # the last one that was finished
        self._unbroken_from = 0
        self._voice = Voice()  # as far back as the ring reaches

    @property
    def position(self) -> int:
        """Sample index that the next block should start at."""
        return self._framer.end

    @property
    def waiting(self) -> int:
        """Utterances that are closed and wait for the engine."""
        return len(self._closed)

    @property
    def backlog(self) -> int:
        """Samples since the start of the oldest utterance that is closed and waits for the engine."""
        return self._ring.end - self._closed[0].start if self._closed else 0

    @property
    def capacity(self) -> int:
        """Samples that may wait before audio is lost."""
        return ms(self._settings.buffer_s * 1000)

    def push(self, block: Block) -> list[Event]:
        """Takes the next audio.

        Raises:
            ValueError: The block starts in the past.
        """
        events: list[Event] = []
        hole = self._framer.hole(block)
        if hole:
            events.append(Gap(self.source, seconds(hole.start), seconds(hole.end)))
            if hole.breaks:
                events += self.interrupt()
                self._unbroken_from = hole.end
        self._ring.append(block)
        for frame in self._framer.push(block):
            voiced = self._detector.is_speech(frame.samples)
            if voiced:
                self._voice.add(frame.start)
            for boundary in self._segmenter.push(frame.start, voiced, energy_of(frame.samples), self._floor()):
                events += self._on_boundary(boundary)
        return events + self._forget()

    def interrupt(self) -> list[Event]:
        """The audio stops here, for good or for a while: what was said so far is complete."""
        return [e for b in self._segmenter.interrupt(self._framer.end) for e in self._on_boundary(b)]

    def need(self) -> Need:
        """What ``next_job`` would give."""
        if self._decoding:
            return Need.NOTHING
        if self._closed:
            return Need.FINAL
        return Need.PARTIAL if self._open and self._is_due(self._open) else Need.NOTHING

    @property
    def overdue(self) -> int:
        """Samples that came after those that the engine should have been asked for by now."""
        if self._closed:
            return self._ring.end - (self._closed[0].end or self._ring.end)
        if not (self._open and self._is_due(self._open)):
            return 0
        first = self._open.start + ms(self._settings.pre_roll_ms)
        return max(0, self._ring.end - max(self._open.heard, first) - ms(self._settings.update_ms))

    @property
    def state(self) -> State:
        """Whether somebody speaks."""
        return State.SPEECH if self._open else State.LISTENING

    @property
    def settled(self) -> bool:
        """Whether all that was spoken is in finals."""
        return not (self._open or self._closed or self._decoding)

    def next_job(self) -> Job | None:
        """Cuts the most urgent job from the newest audio; until ``apply`` has its answer there is no other."""
        match self.need():
            case Need.FINAL:
                utterance = self._closed[0]
            case Need.PARTIAL if self._open:
                utterance = self._open
            case _:
                return None
        self._decoding = utterance
        # Not when the language is to be detected, for it may be another one.
        if not utterance.heard and self._last and self._language and self._last.start >= self._unbroken_from:
            utterance.follow(self._last, self._ring.start, self._ring.end)
        utterance.again = False
        end = utterance.end if utterance.end is not None else self._ring.end
        if end - utterance.start > WINDOW:
            self._cut(utterance, 0)
        return Job(
            source=self.source,
            start=utterance.start,
            audio=self._ring.read(utterance.start, end),
            final=utterance.end is not None,
            language=self._language or (utterance.language if utterance.committed else None),
            committed=tuple(utterance.committed[utterance.passed :]),
            draft=utterance.draft,
            expected=self._expected,
        )

    def apply(self, hypothesis: Hypothesis) -> list[Event]:
        """Takes the engine's answer to the last job.

        Raises:
            RuntimeError: No job was waiting for an answer.
        """
        utterance, self._decoding = self._decoding, None
        if utterance is None:
            raise RuntimeError(f"{self.source}: a hypothesis came, but no job was given out")
        utterance.language = hypothesis.language
        utterance.heard = hypothesis.job.end
        words = () if is_doubtful(hypothesis, self._settings) else hypothesis.words
        if words and hypothesis.job.final:
            self._expected = hypothesis.language
        if not hypothesis.job.final:
            events = self._update(utterance, words)
            self._trim(utterance, quiet=not hypothesis.words)
        elif not words and utterance.only_context:  # which may be why: all seemed to be said
            utterance.stand_alone()
            events = []
        elif (skipped := self._skipped(utterance, words)) is not None:
            self._split(utterance, words, skipped)
            events = []
        elif words and self._unheard(utterance, words):
            events = self._continue(utterance, words)
        else:
            self._closed.popleft()
            events = self._finish(utterance, words)
            self._last = utterance
        return events + self._forget()

    def _unheard(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> bool:
        """Whether somebody still speaks after the last word."""
        last = (words or utterance.committed)[-1]
        return utterance.tries < TRIES and self._voice.goes_on(last, utterance.heard)

    def _skipped(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> int | None:
        """Index of a word in which others must have been said."""
        return self._voice.skipped(words) if utterance.tries < TRIES else None

    def _split(self, utterance: Utterance, words: tuple[HeardWord, ...], skipped: int) -> None:
        """Has the two sides of a skipped passage decoded apart: Whisper skips a sentence, hardly ever two in a row."""
        low, high = inside(words[skipped])
        at = low + quietest(self._ring.read(low, high))
        utterance.tries += 1
        rest = Utterance(
            at, utterance.end, draft=words[skipped + 1 :], language=utterance.language, tries=utterance.tries
        )
        utterance.end = utterance.heard = at
        utterance.draft = words[:skipped]
        self._closed.insert(1, rest)

    def _continue(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Keeps what was heard of a closed utterance, and has the rest of it decoded by itself."""
        promised = len(utterance.committed) - utterance.finished
        utterance.tries += 1
        utterance.committed += words
        utterance.draft = ()
        self._cut(utterance, 0)
        return self._captions(utterance, promised)

    def _update(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Commits what this update confirms, ends the captions that this completes, and shows the rest."""
        end = utterance.heard if utterance.end is None else min(utterance.heard, utterance.end)
        promised = len(utterance.committed) - utterance.finished
        count = agreed(utterance.draft, words, end - ms(self._settings.hold_ms), end - DOUBTED)
        utterance.committed += words[:count]
        utterance.draft = words[count:]
        events = self._captions(utterance, promised)
        partial = self._writer.partial(
            utterance.committed[utterance.finished :], utterance.draft, utterance.heard, utterance.language
        )
        return [*events, partial] if partial else events

    def _trim(self, utterance: Utterance, *, quiet: bool) -> None:
        """Stops listening to old audio whose words are committed: the cost of an update is that of its window.

        After a pause too, and when somebody speaks and no word comes: a model that has just read a finished sentence
        tends to think that all is said.
        """
        if utterance.end is not None:
            return
        committed = utterance.committed[utterance.passed :]
        full = utterance.heard - utterance.start >= ms(self._settings.window_s * 1000)
        paused = stuck = False
        if quiet and committed:
            last = committed[-1].end
            stuck = self._unheard(utterance, ())
            paused = stuck or full or utterance.heard - last >= PAUSE
        if not paused and not full:
            return
        utterance.again = stuck
        self._cut(utterance, 0 if paused else KEPT)
        if not (committed or utterance.draft):
            utterance.start = utterance.heard - KEPT
        self._segmenter.trim(utterance.start)
        utterance.forget()

    def _cut(self, utterance: Utterance, kept: int) -> None:
        """Moves the start of what is listened to behind committed words, if it can; ``kept`` as in ``cut_point``."""
        committed = utterance.committed[utterance.passed :]
        found = cut_point(committed, utterance.draft, utterance.start, utterance.heard, kept)
        if found:
            count, low, high = found
            utterance.passed += count
            utterance.start = low + quietest(self._ring.read(low, high))

    def _finish(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Ends the utterance with ``words``: all that is said becomes final."""
        promised = len(utterance.committed) - utterance.finished
        utterance.committed += words
        events = self._captions(utterance, promised)
        rest = utterance.committed[utterance.finished :]
        final = self._writer.final(rest, utterance.heard, utterance.language)
        return [*events, final] if final else events

    def _captions(self, utterance: Utterance, promised: int) -> list[Event]:
        """Writes the captions that are complete among the committed words; ``promised`` as in ``first_break``."""
        events: list[Event] = []
        longest = ms(self._settings.max_caption_s * 1000)
        while count := first_break(utterance.committed[utterance.finished :], longest, promised):
            words = utterance.committed[utterance.finished : utterance.finished + count]
            utterance.finished += count
            promised = 0
            final = self._writer.final(words, utterance.heard, utterance.language)
            events += [final] if final else []
        return events

    def _is_due(self, utterance: Utterance) -> bool:
        if utterance.again:
            return True
        if not utterance.heard:
            first = ms(self._settings.first_update_ms + self._settings.pre_roll_ms)
            return self._ring.end - utterance.start >= first
        over = self._segmenter.last_voice + PAUSED
        if utterance.heard < over <= self._ring.end:
            return True
        return self._ring.end - utterance.heard >= ms(self._settings.update_ms)

    def _floor(self) -> int:
        """Sample index up to which words of the open utterance are committed."""
        return self._open.committed[-1].end if self._open and self._open.committed else 0

    def _on_boundary(self, boundary: Boundary) -> list[Event]:
        match boundary:
            case Opened(at, cut):
                self._open = Utterance(at)
                return [] if cut else [Status(self.source, State.SPEECH)]
            case Closed(at, cut):
                if self._open:
                    self._open.end = at
                    self._queue(self._open)
                self._open = None
                return [] if cut else [Status(self.source, State.LISTENING)]

    def _queue(self, utterance: Utterance) -> None:
        """Hands a closed utterance to the engine's queue.

        When the engine is behind, utterances that still wait are decoded as one: the cost of a decode hardly grows
        with its audio, so a slow machine catches up instead of falling further behind.
        """
        last = self._closed[-1] if self._closed else None
        end = utterance.end or utterance.start
        waiting = last is not None and last is not self._decoding and last.start >= self._unbroken_from
        untouched = not utterance.heard and utterance is not self._decoding
        if last and waiting and untouched and end - last.start <= WINDOW:
            last.end = end
        else:
            self._closed.append(utterance)

    def _forget(self) -> list[Event]:
        """Ends utterances whose audio the ring has lost: what was heard of them is final, the rest is a gap."""
        self._voice.forget(self._ring.start)
        events: list[Event] = []
        while self._closed and self._closed[0] is not self._decoding and self._closed[0].start < self._ring.start:
            utterance = self._closed.popleft()
            end = utterance.end or utterance.start
            unheard = max(utterance.start, utterance.heard)
            events += [Gap(self.source, seconds(unheard), seconds(end))] if unheard < end else []
            # An update may have heard beyond a cut that came later: those words belong to the next utterance.
            events += self._finish(utterance, tuple(w for w in utterance.draft if (w.start + w.end) // 2 < end))
        return events
