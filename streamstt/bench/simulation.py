"""Plays recordings to sessions and an engine on a simulated clock.

On that clock audio arrives in real time and each decode takes as long as it really took. Waiting for audio takes no
time, so minutes of audio are measured in the time of their decodes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from streamstt.audio.format import SAMPLE_RATE, Block, Samples, samples_from_ms
from streamstt.audio.vad import make_detector
from streamstt.captioning.scheduling import Scheduler
from streamstt.config.settings import SpeechSettings
from streamstt.config.words import WordsSettings
from streamstt.engine.base import Engine
from streamstt.events import Event, Final, Partial
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.passages import LivePassage, PassageCollector
from streamstt.speech.rewriting import WordRewriter
from streamstt.speech.second_look import SecondLook
from streamstt.speech.session import Session

BLOCK_SAMPLES = samples_from_ms(100)  # samples: what a client sends at a time


@dataclass(frozen=True, slots=True)
class TracePoint:
    """What a viewer of one source had from ``at`` (s) on: the number of finals so far, and the current partial."""

    at: float
    finals: int
    partial: Partial | None


@dataclass(slots=True)
class SourceTrace:
    """The captions of one source over time.

    Attributes:
        finals: Each final with the time (s) at which it was published.
        points: Every change of what a viewer had.
        corrected: By id, the finals that the second look has corrected.
        correction_delays: Seconds from the end of each passage until its second look could begin.
    """

    finals: list[tuple[float, Final]] = field(default_factory=list)
    points: list[TracePoint] = field(default_factory=list)
    corrected: dict[str, Final] = field(default_factory=dict)
    correction_delays: list[float] = field(default_factory=list)

    @property
    def final_captions(self) -> list[Final]:
        """The finals after the second look, in order."""
        return [self.corrected.get(final.id, final) for _, final in self.finals]

    def record(self, at: float, events: Sequence[Event]) -> None:
        """Records events that are published at a time (s)."""
        for event in events:
            match event:
                case Final():
                    self.finals.append((at, event))
                    self.points.append(TracePoint(at, len(self.finals), None))
                case Partial():
                    self.points.append(TracePoint(at, len(self.finals), event))


@dataclass(slots=True)
class SimulationResult:
    """Result of a simulation.

    Attributes:
        traces: The captions of each recording.
        decode_times: Seconds of each decode.
        overdue: For each decode, when it started (s on the clock), and how long it had been due by then (s).
        cpu_s: CPU seconds of sessions and engine, without second looks.
        second_look_cpu_s: CPU seconds of second looks.
        audio_s: Seconds of audio of all recordings.
    """

    traces: list[SourceTrace]
    decode_times: list[float] = field(default_factory=list)
    overdue: list[tuple[float, float]] = field(default_factory=list)
    cpu_s: float = 0.0
    second_look_cpu_s: float = 0.0
    audio_s: float = 0.0


class _Playback:
    """Plays a recording to its session."""

    def __init__(self, session: Session, samples: Samples, trace: SourceTrace, writer: CaptionWriter) -> None:
        self.session = session
        self.trace = trace
        self._writer = writer
        self._samples = samples
        self._sent = 0
        self._ended = False

    @property
    def next_at(self) -> float:
        """When the next block of audio is complete (s); infinity after the end."""
        at = min(self._sent + BLOCK_SAMPLES, len(self._samples)) / SAMPLE_RATE
        return float("inf") if self._ended else at

    def advance(self, now: float) -> None:
        """Pushes the blocks that are complete at ``now`` (s); after the last one, ends the source."""
        while self.next_at <= now:
            at = self.next_at
            if self._sent < len(self._samples):
                block = Block(self._sent, self._samples[self._sent : self._sent + BLOCK_SAMPLES])
                self._sent = block.end
                self.trace.record(at, self.session.push(block))
            else:
                self._ended = True
                self.trace.record(at, self.session.interrupt())

    def look_again(self, passages: PassageCollector, engine: Engine, settings: SpeechSettings, now: float) -> None:
        """Hears the passages again that are complete at ``now`` (s), which takes no time on the clock."""
        while passage := passages.next_passage(self.session.final_until) or self._last_passage(passages):
            look = SecondLook(passage, *self.session.cut_passage(passage), settings)
            while job := look.job:
                for hypothesis in filter(None, engine.decode_in_steps(job)):
                    look.apply(hypothesis)
            self.trace.correction_delays.append(now - passage.finals[-1].end / SAMPLE_RATE)
            originals = {final.id: final for _, final in self.trace.finals}
            for final in look.corrections:
                text, words = self._writer.rewrite(final.words, final.language)
                self.trace.corrected[final.id] = replace(originals[final.id], text=text, words=words)

    def _last_passage(self, passages: PassageCollector) -> LivePassage | None:
        return passages.flush(self.session.position) if self._ended and self.session.settled else None


def simulate(  # noqa: PLR0913 - each has a meaning of its own
    recordings: Sequence[Samples],
    engine: Engine,
    settings: SpeechSettings,
    language: str | None,
    decode_s: float = 0,
    words: WordsSettings | None = None,
    *,
    second_look: bool = False,
) -> SimulationResult:
    """Captions several recordings at once.

    Args:
        recordings: Each of shape (n,), 16 kHz, mono.
        engine: Decodes; its time is measured.
        settings: The ``[speech]`` section.
        language: Language code, or None to detect it in each utterance.
        decode_s: Seconds that every decode takes on the clock, instead of its own time: the captions then do not
            depend on the machine's load. 0: its own time.
        words: The ``[words]`` section; None: words are written as recognized.
        second_look: Whether passages are heard again.

    Raises:
        EngineError: The engine failed.
    """
    run = SimulationResult([SourceTrace() for _ in recordings])
    scheduler, rewriter = Scheduler(), WordRewriter(words)
    playbacks: dict[Session, _Playback] = {}
    passages: dict[str, PassageCollector] = {}  # by source
    for i, samples in enumerate(recordings):
        name = f"source-{i + 1}"
        passages[name] = PassageCollector()
        writer = CaptionWriter(name, rewriter=rewriter, passages=passages[name])
        session = Session(name, settings, make_detector, language, writer)
        playbacks[session] = _Playback(session, samples, run.traces[i], writer)
        scheduler.add(session)
        run.audio_s += len(samples) / SAMPLE_RATE
    now = 0.0  # s on the simulated clock
    cpu_start = time.process_time()
    while True:
        for playback in playbacks.values():
            playback.advance(now)
            if second_look:
                look_start = time.process_time()
                playback.look_again(passages[playback.session.source], engine, settings, now)
                run.second_look_cpu_s += time.process_time() - look_start
        chosen = scheduler.next()
        overdue = chosen.overdue / SAMPLE_RATE if chosen else 0.0
        job = chosen.next_job() if chosen else None
        if chosen is None or job is None:
            now = min(playback.next_at for playback in playbacks.values())
            if now == float("inf"):
                break
            continue
        start = time.perf_counter()
        hypothesis = engine.decode(job)
        run.decode_times.append(time.perf_counter() - start)
        run.overdue.append((now, overdue))
        now += decode_s or run.decode_times[-1]
        for playback in playbacks.values():
            playback.advance(now)
        playbacks[chosen].trace.record(now, chosen.apply(hypothesis))
    run.cpu_s = time.process_time() - cpu_start - run.second_look_cpu_s
    return run
