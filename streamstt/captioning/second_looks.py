"""Hears passages of all sources again while the engine is free, and publishes what is better.

Live captions come first: after each step of some ten milliseconds the engine is theirs. What could not be heard again
in time stays as it is.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from streamstt.audio.format import SAMPLE_RATE
from streamstt.clock import loop_time
from streamstt.config.settings import Settings
from streamstt.engine.runner import EngineRunner
from streamstt.errors import EngineError
from streamstt.hub.hub import Hub
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.passages import LivePassage, PassageCollector
from streamstt.speech.second_look import SecondLook
from streamstt.speech.session import Session

MAX_WAITING = 8  # passages, 1.8 MB of audio at most each; beyond, the oldest are skipped
MAX_AGE_S = 5.0  # from when a passage is complete, usually a few seconds after it has ended: who reads has moved on

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A passage to be heard again.

    Attributes:
        second_look: What is heard again.
        writer: Writes the captions of its source.
        seconds: Length of its audio, in seconds.
        since: Loop time (s) at which it was complete.
    """

    second_look: SecondLook
    writer: CaptionWriter
    seconds: float
    since: float


class SecondLooks:
    """Collects passages, and hears them again step by step, the oldest first.

    Attributes:
        settings: The settings in force.
        heard_s: Audio that was heard again, in seconds.
        skipped_s: Audio for which there was no time, or no engine, in seconds.
        corrected: Finals that were corrected.
    """

    def __init__(self, settings: Settings, engine: EngineRunner, hub: Hub, wake: Callable[[], None]) -> None:
        """Starts with nothing to hear.

        Args:
            settings: All settings.
            engine: A started engine.
            hub: Where corrections are published.
            wake: Called when there is something to hear.
        """
        self.settings = settings
        self._engine = engine
        self._hub = hub
        self._wake = wake
        self._waiting: deque[_Waiting] = deque()
        self._current: _Waiting | None = None
        self.heard_s = self.skipped_s = 0.0
        self.corrected = 0
        counters = hub.counters
        text = "Audio that was heard again after its captions were final."
        counters.add_counter("second_look_seconds", text, lambda: self.heard_s)
        text = "Audio that was not heard again, because there was no time."
        counters.add_counter("second_look_skipped_seconds", text, lambda: self.skipped_s)
        counters.add_counter("second_look_corrections", "Finals corrected by a second look.", lambda: self.corrected)

    def collect(self, session: Session, passages: PassageCollector, writer: CaptionWriter, *, ended: bool) -> None:
        """Takes the passages of a source that are complete.

        Args:
            session: The session of the source.
            passages: Its finals.
            writer: Writes its captions.
            ended: Whether no audio follows for now, so that the last passage is complete as well.
        """
        while passage := passages.next_passage(session.final_until):
            self._add(session, passage, writer)
        if ended and session.settled and (passage := passages.flush(session.position)):
            self._add(session, passage, writer)

    def _add(self, session: Session, passage: LivePassage, writer: CaptionWriter) -> None:
        if not self.settings.engine.looks_again:
            return
        job, frames = session.cut_passage(passage)
        if not len(job.audio):  # it is not kept any more
            self.skipped_s += (passage.finals[-1].end - passage.finals[0].start) / SAMPLE_RATE
            return
        look = SecondLook(passage, job, frames, self.settings.speech)
        self._waiting.append(_Waiting(look, writer, len(job.audio) / SAMPLE_RATE, loop_time()))
        if len(self._waiting) > MAX_WAITING:
            self.skipped_s += self._waiting.popleft().seconds
        self._wake()

    async def step(self) -> bool:
        """Has the engine do one small step; returns whether there was one to do."""
        if self._current is None:
            self._current = self._next()
            if self._current is None:
                return False
            self._begin(self._current)
        current = self._current
        if self._is_late(current):
            self._engine.drop_steps()
            self._skip(current)
            return True
        try:
            hypothesis = await self._engine.step()
        except EngineError as error:
            log.warning("a passage cannot be heard again: %s", error)
            self._skip(current)
            return True
        if hypothesis:
            current.second_look.apply(hypothesis)
            self._begin(current)
        return True

    def _next(self) -> _Waiting | None:
        """Returns the passage that has waited longest; those for which it is too late are skipped."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not self._is_late(waiting):
                return waiting
            self.skipped_s += waiting.seconds
        return None

    @staticmethod
    def _is_late(waiting: _Waiting) -> bool:
        return loop_time() - waiting.since > MAX_AGE_S

    def _begin(self, current: _Waiting) -> None:
        """Begins the next job of a passage, or publishes its corrections if there is none."""
        if job := current.second_look.job:
            self._engine.begin_steps(job)
            return
        self._current = None
        self.heard_s += current.seconds
        better = [(c.id, *current.writer.rewrite(c.words, c.language)) for c in current.second_look.corrections]
        self.corrected += self._hub.take_second_look(better)

    def _skip(self, current: _Waiting) -> None:
        self._current = None
        self.skipped_s += current.seconds
