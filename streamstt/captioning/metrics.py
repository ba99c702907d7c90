"""The figures of sources and engine, collected when monitoring reads the counters."""

from collections.abc import Iterator, Mapping

from streamstt.audio.capture import Capture
from streamstt.audio.format import SAMPLE_RATE
from streamstt.engine.runner import EngineRunner
from streamstt.hub.counters import Counters, MetricSample
from streamstt.speech.session import Session


class PipelineMetrics:
    """Collects the figures of one pipeline; a collector of its hub's counters."""

    def __init__(self, counters: Counters, engine: EngineRunner, sessions: Mapping[str, Session]) -> None:
        """Keeps what is read at each collection.

        Args:
            counters: Provides the label of each source.
            engine: Its failures are reported.
            sessions: The sessions of the pipeline by the name of their source.
        """
        self._counters = counters
        self._engine = engine
        self._sessions = sessions
        self._captures: dict[str, Capture] = {}  # by source; bounded by the number of local sources in the settings

    def add_capture(self, source: str, capture: Capture) -> None:
        """Reports the lost audio of a capture from now on, also after its end.

        Args:
            source: Name of the source.
            capture: Its capture.
        """
        self._captures[source] = capture

    def __call__(self) -> Iterator[MetricSample]:
        """Yields all figures."""
        lags: dict[str, float] = {}  # s, by label: remote sources share one
        for name, session in self._sessions.items():
            label = self._counters.source_label(name)
            lags[label] = max(lags.get(label, 0.0), session.overdue / SAMPLE_RATE)
        text = "Audio that should have been decoded by now; the greatest of all remote sources."
        yield from (MetricSample("lag_seconds", text, lag, (("source", label),)) for label, lag in lags.items())
        for name, capture in self._captures.items():
            labels = (("source", self._counters.source_label(name)),)
            text = "Blocks of audio that arrived faster than they were processed."
            yield MetricSample("blocks_dropped", text, capture.dropped, labels, is_counter=True)
            text = "How often a device reported lost audio."
            yield MetricSample("device_overflows", text, capture.overflows, labels, is_counter=True)
        yield MetricSample("engine_failures", "Decodes that failed.", self._engine.failures, is_counter=True)
