"""What the studio's parts have to say to the counters when they are read."""

from collections.abc import Iterator, Mapping

from streamstt.audio.capture import Capture
from streamstt.audio.format import SAMPLE_RATE
from streamstt.engine.runner import EngineRunner
from streamstt.hub.counters import Counters, MetricSample
from streamstt.speech.session import Session


class PipelineMetrics:
    """Of one studio; a probe of its hub's counters."""

    def __init__(self, counters: Counters, engine: EngineRunner, sessions: Mapping[str, Session]) -> None:
        """Nothing is read yet.

        Args:
            counters: Asked how sources are labelled.
            engine: Its failures are told.
            sessions: Of the studio, by the source's name; read whenever it is asked.
        """
        self._counters = counters
        self._engine = engine
        self._sessions = sessions
        self._captures: dict[str, Capture] = {}  # of the settings' sources: as many as there are

    def add_capture(self, source: str, capture: Capture) -> None:
        """Tells of a capture's losses from now on, after its end as well."""
        self._captures[source] = capture

    def __call__(self) -> Iterator[MetricSample]:
        """All readings."""
        late: dict[str, float] = {}
        for name, session in self._sessions.items():
            label = self._counters.source_label(name)
            late[label] = max(late.get(label, 0.0), session.overdue / SAMPLE_RATE)
        text = "Audio that the engine should have been asked for by now; of several remote sources, the most."
        yield from (MetricSample("lag_seconds", text, lag, (("source", label),)) for label, lag in late.items())
        for name, capture in self._captures.items():
            of = (("source", self._counters.source_label(name)),)
            yield MetricSample(
                "blocks_dropped",
                "Blocks of audio that came faster than they were taken.",
                capture.dropped,
                of,
                is_counter=True,
            )
            yield MetricSample(
                "device_overflows", "How often a device reported lost audio.", capture.overflows, of, is_counter=True
            )
        yield MetricSample("engine_failures", "Decodes that failed.", self._engine.failures, is_counter=True)
