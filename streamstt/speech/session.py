"""The streaming logic of one source: push audio, pull a decode job, push its hypothesis, get events.

Pure: no thread, clock, socket or model. The caller pushes blocks as they arrive, asks ``next_job`` whenever the engine
is free, and passes each hypothesis to ``apply``. It publishes the events that these methods return, in order.
"""

from collections.abc import Callable

from streamstt.audio.format import Block, samples_from_ms, seconds_from_samples
from streamstt.audio.frames import Framer
from streamstt.audio.ring import Ring
from streamstt.audio.vad import Detector
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.events import Event, Gap, State, Status
from streamstt.speech import update_policy
from streamstt.speech.caption_breaks import calls_for_more
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.closed_decode import ClosedDecode
from streamstt.speech.closed_queue import ClosedQueue
from streamstt.speech.decode_window import DecodeWindow
from streamstt.speech.passages import LivePassage, cut_passage
from streamstt.speech.reliability import SpeechFrames, is_unreliable
from streamstt.speech.repetitions import continued, without_echoes
from streamstt.speech.segmenter import Boundary, Closed, Opened, Segmenter, mean_square
from streamstt.speech.update_policy import DecodeNeed
from streamstt.speech.utterance import MAX_WINDOW, Utterance
from streamstt.speech.utterance_captions import UtteranceCaptioner
from streamstt.speech.voice_level import VoiceLevel

DetectorFactory = Callable[[SpeechSettings], Detector]
"""Makes the voice detector that the settings select, without history; the session must not load libraries itself."""


class Session:
    """Turns the audio of one source into captions.

    It decides which audio the engine decodes and when, and which words become captions. It must not know the engine,
    the clock or other sources. At most one job is out (being decoded) at a time.
    """

    def __init__(
        self,
        source: str,
        settings: SpeechSettings,
        make_detector: DetectorFactory,
        language: str | None,
        writer: CaptionWriter | None = None,
    ) -> None:
        """Starts at stream time 0, in silence.

        Args:
            source: Name of the source.
            settings: Settings of the ``[speech]`` section.
            make_detector: Makes the voice detector of this source, at once and when its settings change.
            language: Language code; None: the language of each utterance is detected.
            writer: Writes the captions; None: a writer that does not rewrite words.
        """
        self.source = source
        self._settings = settings
        self._make_detector = make_detector
        self._detector = make_detector(settings)
        self._language = language
        self._pending_settings: tuple[SpeechSettings, str | None] | None = None  # in force from the next silence on
        self._expected_language: str | None = None
        self._ring = Ring(self.capacity)
        self._framer = Framer()
        self._segmenter = Segmenter(settings)
        self._captioner = UtteranceCaptioner(source, settings, writer or CaptionWriter(source))
        self._open: Utterance | None = None
        self._closed = ClosedQueue()
        self._previous: Utterance | None = None  # the last one that was finished: context of the next one
        self._unbroken_from = 0  # sample index of the end of the last dropout; no context reaches back over it
        self._voice_level = VoiceLevel()
        self._speech_frames = SpeechFrames()  # as far back as the ring reaches
        self._decode_window = DecodeWindow(self._ring, self._speech_frames, settings)

    @property
    def position(self) -> int:
        """Sample index at which the next block should start."""
        return self._framer.end

    @property
    def backlog(self) -> int:
        """Number of samples since the start of the oldest closed utterance that waits for the engine; 0: none does."""
        first = self._closed.first
        return self._ring.end - first.start if first else 0

    @property
    def capacity(self) -> int:
        """Number of samples that may wait for the engine before audio is lost."""
        return samples_from_ms(self._settings.buffer_s * 1000)

    def push(self, block: Block) -> list[Event]:
        """Appends the next block of audio.

        Args:
            block: Starts at ``position``, or later if audio was lost.

        Returns:
            Events to publish, in order.

        Raises:
            ValueError: The block starts in the past.
        """
        events: list[Event] = []
        dropout = self._framer.find_dropout(block)
        if dropout:
            events.append(Gap(self.source, seconds_from_samples(dropout.start), seconds_from_samples(dropout.end)))
            if dropout.splits_speech:
                events += self.interrupt()
                self._unbroken_from = dropout.end
        self._ring.append(block)
        if self._pending_settings and not self._open:
            self._apply_settings(*self._pending_settings)
        for frame in self._framer.push(block):
            voiced = self._detector.is_speech(frame.samples)
            self._voice_level.push(frame.samples, voiced)
            if voiced:
                self._speech_frames.add(frame.start)
            for boundary in self._segmenter.push(
                frame.start,
                voiced,
                mean_square(frame.samples),
                self._committed_until(),
                calls_for_more=self._open is not None and self._open.calls_for_more,
            ):
                events += self._on_boundary(boundary)
        return events + self._end_lost_utterances()

    def update_settings(self, settings: SpeechSettings, language: str | None) -> None:
        """Replaces the settings from the next silence on.

        Args:
            settings: Settings of the ``[speech]`` section; ``buffer_s`` stays, because the ring has its size.
            language: Language code; None: the language of each utterance is detected.
        """
        self._pending_settings = settings.model_copy(update={"buffer_s": self._settings.buffer_s}), language

    def _apply_settings(self, settings: SpeechSettings, language: str | None) -> None:
        detector_keys = {"detector", "vad_mode", "silero_threshold"}
        if settings.model_dump(include=detector_keys) != self._settings.model_dump(include=detector_keys):
            self._detector = self._make_detector(settings)
        self._settings = self._decode_window.settings = self._captioner.settings = settings
        self._segmenter.update_settings(settings)
        self._language = language
        self._pending_settings = None

    def interrupt(self) -> list[Event]:
        """Closes the open utterance, because no audio follows for now.

        Returns:
            Events to publish, in order.
        """
        return [e for b in self._segmenter.interrupt(self._framer.end) for e in self._on_boundary(b)]

    def need(self) -> DecodeNeed:
        """Returns what kind of job ``next_job`` would return."""
        if self._closed.decoding:
            return DecodeNeed.NOTHING
        if self._closed.first:
            return DecodeNeed.FINAL
        return DecodeNeed.PARTIAL if self._open and self._is_due(self._open) else DecodeNeed.NOTHING

    @property
    def awaits_engine(self) -> bool:
        """Whether a job is out, or one is due."""
        return self._closed.decoding is not None or self.need() is not DecodeNeed.NOTHING

    @property
    def overdue(self) -> int:
        """Number of samples by which the engine is behind: audio beyond what a job should have covered by now."""
        if first := self._closed.first:
            return self._ring.end - (first.end or self._ring.end)
        if not (self._open and self._is_due(self._open)):
            return 0
        return update_policy.overdue(self._open, self._ring.end, self._settings)

    @property
    def voice_too_quiet(self) -> bool:
        """Whether there is a voice, but one that is too quiet to be recognized."""
        return self._voice_level.too_quiet

    @property
    def settled(self) -> bool:
        """Whether all speech so far is in finals."""
        return not (self._open or self._closed.first or self._closed.decoding)

    @property
    def final_until(self) -> int:
        """Sample index up to which all speech is in finals."""
        first = self._closed.first or self._open
        return (first.own_start or first.start) if first else self._framer.end

    def cut_passage(self, passage: LivePassage) -> tuple[Job, SpeechFrames]:
        """Returns the job that hears a passage again, and the frames with speech in it, as ``passages.cut_passage``."""
        return cut_passage(passage, self.source, self._ring, self._speech_frames)

    def next_job(self) -> Job | None:
        """Cuts the most urgent job from the newest audio.

        Returns:
            The job; None when nothing needs to be decoded, or while another job is out. The caller passes the engine's
            hypothesis to ``apply``, or calls ``fail_job``.
        """
        utterance = self._closed.first or self._open
        if utterance is None or self.need() is DecodeNeed.NOTHING:
            return None
        self._closed.decoding = utterance
        if utterance.decode and utterance.decode.job:
            return utterance.decode.job
        # When the language is to be detected, this utterance may be in another one than the last.
        if self._language and not utterance.decoded_until:
            self._add_context(utterance, self._language)
        utterance.decode_now = False
        end = utterance.end if utterance.end is not None else self._ring.end
        if end - utterance.start > MAX_WINDOW:
            self._decode_window.move_start(utterance, 0)
        job = Job(
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
        if job.final:
            utterance.decode = ClosedDecode(job, self._speech_frames.select(job.start, job.end), self._settings)
        return job

    def apply(self, hypothesis: Hypothesis) -> list[Event]:
        """Applies the engine's hypothesis for the job that is out.

        Returns:
            Events to publish, in order.

        Raises:
            RuntimeError: No job is out.
        """
        utterance, self._closed.decoding = self._closed.decoding, None
        if utterance is None:
            raise RuntimeError(f"{self.source}: a hypothesis came, but no job is out")
        language_before, utterance.language = utterance.language, hypothesis.language
        utterance.decoded_until = max(utterance.decoded_until, hypothesis.job.end)
        if utterance.decode:
            events = self._apply_final(utterance, utterance.decode, hypothesis)
        else:
            events = self._apply_update(utterance, hypothesis, language_before)
        return events + self._end_lost_utterances()

    def _apply_update(self, utterance: Utterance, hypothesis: Hypothesis, language_before: str) -> list[Event]:
        committed = hypothesis.job.committed
        words = () if is_unreliable(hypothesis, self._settings) else without_echoes(hypothesis.words, committed)
        words = words if committed else continued(utterance.committed, words)
        placed = self._speech_frames.trim_pauses(words, hypothesis.job)
        may_commit = not hypothesis.looped
        if not (self._language or utterance.committed):  # two updates must agree on the language, too
            may_commit = may_commit and language_before == hypothesis.language
            # If it was spoken before, what was said then is context.
            may_commit = may_commit and not self._add_context(utterance, hypothesis.language)
        events = self._captioner.update(utterance, placed, may_commit=may_commit)
        utterance.calls_for_more = calls_for_more([*utterance.committed, *utterance.draft][-3:], utterance.language)
        no_words = not (words if hypothesis.job.must_continue else hypothesis.words)
        if self._decode_window.trim(utterance, no_words=no_words, looped=hypothesis.looped):
            self._segmenter.trim(utterance.start)
        return events

    def _add_context(self, utterance: Utterance, language: str) -> bool:
        """Has an utterance decoded together with the end of the previous one, if that was in the same language.

        Returns:
            Whether it has context now.
        """
        previous = self._previous
        if previous and previous.language == language and previous.start >= self._unbroken_from:
            utterance.add_context(previous, self._ring.start, self._ring.end)
        return utterance.context_words > 0

    def _apply_final(self, utterance: Utterance, decode: ClosedDecode, hypothesis: Hypothesis) -> list[Event]:
        decode.apply(hypothesis)
        if decode.job:
            utterance.draft = decode.words
            return []
        if not decode.words and utterance.has_only_context:
            utterance.drop_context()  # it may be the reason: after a finished sentence all seems to be said
            return []
        if decode.words:
            self._expected_language = hypothesis.language
        self._closed.pop()
        self._previous = utterance
        return self._captioner.finish(utterance, decode.words)

    def fail_job(self) -> list[Event]:
        """Gives up the utterance whose job the engine cannot decode.

        Returns:
            Events to publish, in order: a final of the words that were recognized before, and a gap for the rest.

        Raises:
            RuntimeError: No job is out.
        """
        utterance = self._closed.decoding
        if utterance is None:
            raise RuntimeError(f"{self.source}: no job is out")
        events = self.interrupt() if utterance.end is None else []
        self._closed.decoding = None
        self._closed.remove(utterance)
        return events + self._discard(utterance)

    def fail_all(self) -> list[Event]:
        """Gives up all utterances that are not final yet, as ``fail_job`` does, because the engine is broken."""
        events = self.interrupt()
        self._closed.decoding = None
        for utterance in self._closed.pop_all():
            events += self._discard(utterance)
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
                    # Not when the language is to be detected: each utterance may be in another one, and the model
                    # writes all of them in the first.
                    self._closed.append(self._open, join_from=self._unbroken_from if self._language else None)
                self._open = None
                return [] if cut else [Status(self.source, State.LISTENING, time=seconds_from_samples(at))]

    def _end_lost_utterances(self) -> list[Event]:
        """Gives up waiting utterances whose audio the ring has overwritten; the job that is out has its own copy."""
        self._speech_frames.discard_before(self._ring.start)
        events: list[Event] = []
        for utterance in self._closed.pop_lost(self._ring.start):
            events += self._discard(utterance)
        return events

    def _discard(self, utterance: Utterance) -> list[Event]:
        """Ends a closed utterance without the engine; neither it nor those before it are context of a later one."""
        self._previous = None
        return self._captioner.discard(utterance)
