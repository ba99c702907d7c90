"""What the parts of the pipeline add to the hub's metrics."""

import logging
from collections.abc import Callable, Iterable

from streamstt.audio.capture import Capture
from streamstt.audio.format import SAMPLE_RATE
from streamstt.engine.runner import EngineRunner
from streamstt.hub.counters import Counters
from streamstt.speech.session import Session

log = logging.getLogger(__name__)


class PipelineMetrics:
    """Adds the lag of each source, lost audio and failed decodes to the metrics."""

    def __init__(self, counters: Counters, engine: EngineRunner, sessions: Callable[[], Iterable[Session]]) -> None:
        """Adds the metrics of the pipeline.

        Args:
            counters: Where they are added.
            engine: Counts failed decodes.
            sessions: Returns the pipeline's sessions; called at each scrape.
        """
        self._counters = counters
        self._sessions = sessions
        self._bad_samples: dict[str, int] = {}  # by the source's label
        self._captured_bad_samples: dict[str, int] = {}  # counted so far, of each local source
        counters.read_lags = self._lags
        counters.add_counter("engine_failures", "Decodes that failed.", lambda: engine.failures)

    def add_capture(self, source: str, capture: Capture) -> None:
        """Adds a capture's losses, from now on and after its end as well."""
        label = self._counters.source_label(source)
        text = "Blocks of audio that arrived faster than they were processed."
        self._counters.add_counter("blocks_dropped", text, lambda: capture.dropped, source=label)
        text = "How often a device reported lost audio."
        self._counters.add_counter("device_overflows", text, lambda: capture.overflows, source=label)

    def count_capture(self, source: str, capture: Capture) -> None:
        """Counts the samples of a capture that are no numbers, since the last call."""
        count = capture.bad_samples
        self.count_bad_samples(source, count - self._captured_bad_samples.get(source, 0))
        self._captured_bad_samples[source] = count

    def count_bad_samples(self, source: str, count: int) -> None:
        """Counts samples that are no numbers or far too large, and were taken out; logs the first."""
        if count <= 0:
            return
        label = self._counters.source_label(source)
        if label not in self._bad_samples:
            log.warning("source %s: samples that are no numbers, or far too large, are taken out", source)
            text = "Samples that were no numbers or far too large."
            self._counters.add_counter("bad_samples", text, lambda: self._bad_samples[label], source=label)
        self._bad_samples[label] = self._bad_samples.get(label, 0) + count

    def _lags(self) -> dict[str, float]:
        """Returns the largest lag of the sources with each label, in seconds."""
        lags: dict[str, float] = {}
        for session in self._sessions():
            label = self._counters.source_label(session.source)
            lags[label] = max(lags.get(label, 0.0), session.overdue / SAMPLE_RATE)
        return lags
