"""What the parts of the pipeline add to the hub's metrics."""

from collections.abc import Mapping

from streamstt.audio.capture import Capture
from streamstt.audio.format import SAMPLE_RATE
from streamstt.engine.runner import EngineRunner
from streamstt.hub.counters import Counters
from streamstt.speech.session import Session


class PipelineMetrics:
    """Adds the lag of each source, lost audio and failed decodes to the metrics."""

    def __init__(self, counters: Counters, engine: EngineRunner, sessions: Mapping[str, Session]) -> None:
        """Adds the metrics of the pipeline.

        Args:
            counters: Where they are added.
            engine: Counts failed decodes.
            sessions: The pipeline's sessions by the source's name, read at each scrape.
        """
        self._counters = counters
        self._sessions = sessions
        counters.read_lags = self._lags
        counters.add_counter("engine_failures", "Decodes that failed.", lambda: engine.failures)

    def add_capture(self, source: str, capture: Capture) -> None:
        """Adds a capture's losses, from now on and after its end as well."""
        label = self._counters.source_label(source)
        text = "Blocks of audio that arrived faster than they were processed."
        self._counters.add_counter("blocks_dropped", text, lambda: capture.dropped, source=label)
        text = "How often a device reported lost audio."
        self._counters.add_counter("device_overflows", text, lambda: capture.overflows, source=label)

    def _lags(self) -> dict[str, float]:
        """Returns the largest lag of the sources with each label, in seconds."""
        lags: dict[str, float] = {}
        for name, session in self._sessions.items():
            label = self._counters.source_label(name)
            lags[label] = max(lags.get(label, 0.0), session.overdue / SAMPLE_RATE)
        return lags
