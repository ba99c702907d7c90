"""The streaming logic of one source: push audio, pull a decode job, push its hypothesis, get captions.

Pure: no thread, clock, socket or model. The caller pushes blocks as they come, asks ``next_job`` whenever the engine is
free, and hands each answer to ``apply``; it publishes the events that these return, in order.
"""

from collections import deque

from streamstt.audio.format import Block, samples_from_ms, seconds_from_samples
from streamstt.audio.frames import Framer
from streamstt.audio.ring import Ring
from streamstt.audio.vad import Detector, make_detector
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.events import Event, Gap, State, Status
from streamstt.speech import update_policy
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.decode_window import DecodeWindow
from streamstt.speech.reliability import SpeechFrames, is_unreliable
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, mean_square
from streamstt.speech.update_policy import DecodeNeed
from streamstt.speech.utterance import MAX_WINDOW, Utterance
from streamstt.speech.utterance_captions import UtteranceCaptioner


class Session:
    """One source on its way from audio to captions."""

    def __init__(
        self,
        source: str,
        settings: SpeechSettings,
        detector: Detector,
        language: str | None,
        writer: CaptionWriter | None = None,
    ) -> None:
        """Starts at stream time 0, in silence.

        Args:
            source: Name of the source.
            settings: The ``[speech]`` section.
            detector: Fresh, for this source only.
            language: Code, or None to detect it in each utterance.
            writer: Writes its captions; None: one that writes words as heard.
        """
        self.source = source
        self._settings = settings
        self._detector = detector
        self._language = language
        self._pending_settings: tuple[SpeechSettings, str | None] | None = None  # settings that the next silence brings
        self._expected_language: str | None = None
        self._ring = Ring(self.capacity)
        self._framer = Framer()
        self._segmenter = Segmenter(settings)
        self._captioner = UtteranceCaptioner(source, settings, writer or CaptionWriter(source))
        self._open: Utterance | None = None
        # Closed, awaiting the engine: at most buffer_s of audio; what the ring loses is reported as a gap.
        self._closed: deque[Utterance] = deque()
        self._decoding: Utterance | None = None
        self._previous: Utterance | None = None  # the last one that was finished
        self._unbroken_from = 0
        self._speech_frames = SpeechFrames()  # as far back as the ring reaches
        self._decode_window = DecodeWindow(self._ring, self._speech_frames, settings)

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
        return samples_from_ms(self._settings.buffer_s * 1000)

    def push(self, block: Block) -> list[Event]:
        """Takes the next audio.

        Raises:
            ValueError: The block starts in the past.
        """
        events: list[Event] = []
        hole = self._framer.find_dropout(block)
        if hole:
            events.append(Gap(self.source, seconds_from_samples(hole.start), seconds_from_samples(hole.end)))
            if hole.splits_speech:
                events += self.interrupt()
                self._unbroken_from = hole.end
        self._ring.append(block)
        if self._pending_settings and not self._open:
            self._apply_settings(*self._pending_settings)
        for frame in self._framer.push(block):
            voiced = self._detector.is_speech(frame.samples)
            if voiced:
                self._speech_frames.add(frame.start)
            for boundary in self._segmenter.push(
                frame.start, voiced, mean_square(frame.samples), self._committed_until()
            ):
                events += self._on_boundary(boundary)
        return events + self._end_lost_utterances()

    def update_settings(self, settings: SpeechSettings, language: str | None) -> None:
        """Takes other settings from the next silence on; of ``buffer_s`` the first value stays.

        Args:
            settings: The ``[speech]`` section.
            language: Code, or None to detect it in each utterance.
        """
        self._pending_settings = settings.model_copy(update={"buffer_s": self._settings.buffer_s}), language

    def _apply_settings(self, settings: SpeechSettings, language: str | None) -> None:
        judging = {"detector", "vad_mode", "silero_threshold"}
        if settings.model_dump(include=judging) != self._settings.model_dump(include=judging):
            self._detector = make_detector(settings)
        self._settings = self._decode_window.settings = self._captioner.settings = settings
        self._segmenter.update_settings(settings)
        self._language = language
        self._pending_settings = None

    def interrupt(self) -> list[Event]:
        """The audio stops here, for good or for a while: what was said so far is complete."""
        return [e for b in self._segmenter.interrupt(self._framer.end) for e in self._on_boundary(b)]

    def need(self) -> DecodeNeed:
        """What ``next_job`` would give."""
        if self._decoding:
            return DecodeNeed.NOTHING
        if self._closed:
            return DecodeNeed.FINAL
        return DecodeNeed.PARTIAL if self._open and self._is_due(self._open) else DecodeNeed.NOTHING

    @property
    def overdue(self) -> int:
        """Samples that came after those that the engine should have been asked for by now."""
        if self._closed:
            return self._ring.end - (self._closed[0].end or self._ring.end)
        if not (self._open and self._is_due(self._open)):
            return 0
        return update_policy.overdue(self._open, self._ring.end, self._settings)

    @property
    def state(self) -> State:
        """Whether somebody speaks."""
        return State.SPEECH if self._open else State.LISTENING

    @property
    def settled(self) -> bool:
        """Whether all that was spoken is in finals."""
        return not (self._open or self._closed or self._decoding)

    @property
    def final_until(self) -> int:
        """Sample index up to which all that was spoken is in finals."""
        first = self._closed[0] if self._closed else self._open
        return (first.own_start or first.start) if first else self._framer.end

    def next_job(self) -> Job | None:
        """Cuts the most urgent job from the newest audio; until ``apply`` has its answer there is no other."""
        match self.need():
            case DecodeNeed.FINAL:
                utterance = self._closed[0]
            case DecodeNeed.PARTIAL if self._open:
                utterance = self._open
            case _:
                return None
        self._decoding = utterance
        # Not when the language is to be detected, for it may be another one.
        if (
            not utterance.decoded_until
            and self._previous
            and self._language
            and self._previous.start >= self._unbroken_from
        ):
            utterance.add_context(self._previous, self._ring.start, self._ring.end)
        utterance.decode_now = False
        end = utterance.end if utterance.end is not None else self._ring.end
        if end - utterance.start > MAX_WINDOW:
            self._decode_window.move_start(utterance, 0)
        return Job(
            source=self.source,
            start=utterance.start,
            audio=self._ring.read(utterance.start, end),
            final=utterance.end is not None,
            language=self._language or (utterance.language if utterance.committed else None),
            committed=tuple(utterance.committed[utterance.words_before_start :]),
            draft=utterance.draft,
            expected_language=self._expected_language,
            must_continue=utterance.continuations > 0,
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
        utterance.decoded_until = hypothesis.job.end
        words = () if is_unreliable(hypothesis, self._settings) else hypothesis.words
        if words and hypothesis.job.final:
            self._expected_language = hypothesis.language
        if not hypothesis.job.final:
            events = self._captioner.update(utterance, words)
            if self._decode_window.trim(
                utterance, no_words=not (words if hypothesis.job.must_continue else hypothesis.words)
            ):
                self._segmenter.trim(utterance.start)
        elif not words and utterance.has_only_context:  # which may be why: all seemed to be said
            utterance.drop_context()
            events = []
        elif (skipped := self._decode_window.find_skipped(utterance, words)) is not None:
            self._closed.insert(1, self._decode_window.split(utterance, words, skipped))
            events = []
        elif words and self._decode_window.has_unrecognized_speech(utterance, words):
            utterance.retries += 1
            events = self._captioner.commit(utterance, words)
            self._decode_window.move_start(utterance, 0)
        else:
            self._closed.popleft()
            events = self._captioner.finish(utterance, words)
            self._previous = utterance
        return events + self._end_lost_utterances()

    def fail_job(self) -> list[Event]:
        """The engine cannot answer the last job: what was heard of its utterance before is final, the rest a gap.

        Raises:
            RuntimeError: No job was waiting for an answer.
        """
        utterance = self._decoding
        if utterance is None:
            raise RuntimeError(f"{self.source}: no job was given out")
        events = self.interrupt() if utterance.end is None else []
        self._decoding = None
        self._closed.remove(utterance)
        return events + self._discard(utterance)

    def fail_all(self) -> list[Event]:
        """There is no engine any more: as ``fail_job``, for all that is not final yet."""
        events = self.interrupt()
        self._decoding = None
        while self._closed:
            events += self._discard(self._closed.popleft())
        return events

    def _is_due(self, utterance: Utterance) -> bool:
        return update_policy.is_due(utterance, self._ring.end, self._segmenter.last_voiced_end, self._settings)

    def _committed_until(self) -> int:
        """Sample index up to which words of the open utterance are committed."""
        return self._open.committed[-1].end if self._open and self._open.committed else 0

    def _on_boundary(self, boundary: Boundary) -> list[Event]:
        match boundary:
            case Opened(at, cut):
                self._open = Utterance(at)
                return [] if cut else [Status(self.source, State.SPEECH, time=seconds_from_samples(at))]
            case Closed(at, cut):
                if self._open:
                    self._open.end = at
                    self._queue(self._open)
                self._open = None
                return [] if cut else [Status(self.source, State.LISTENING, time=seconds_from_samples(at))]

    def _queue(self, utterance: Utterance) -> None:
        """Hands a closed utterance to the engine's queue.

        When the engine is behind, utterances that still wait are decoded as one: the cost of a decode hardly grows
        with its audio, so a slow machine catches up instead of falling further behind.
        """
        last = self._closed[-1] if self._closed else None
        end = utterance.end or utterance.start
        waiting = last is not None and last is not self._decoding and last.start >= self._unbroken_from
        untouched = not utterance.decoded_until and utterance is not self._decoding
        if last and waiting and untouched and end - last.start <= MAX_WINDOW:
            last.end = end
        else:
            self._closed.append(utterance)

    def _end_lost_utterances(self) -> list[Event]:
        """Ends utterances whose audio the ring has lost: what was heard of them is final, the rest is a gap."""
        self._speech_frames.discard_before(self._ring.start)
        events: list[Event] = []
        while self._closed and self._closed[0] is not self._decoding and self._closed[0].start < self._ring.start:
            events += self._discard(self._closed.popleft())
        return events

    def _discard(self, utterance: Utterance) -> list[Event]:
        """Ends a closed utterance without the engine; it is no context, and neither is what lies before it."""
        self._previous = None
        return self._captioner.discard(utterance)
