"""What is counted, in Prometheus' text format. The only import of prometheus_client."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from streamstt.hub.counters import Histogram, MetricSample
from streamstt.hub.hub import Hub

PREFIX = "streamstt"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HISTOGRAMS = {
    "decode_seconds": "How long the engine took for a caption.",
    "caption_delay_seconds": "How old the newest audio that a caption is of was when the caption was published.",
}


class Metrics:
    """Reads the hub whenever it is asked."""

    def __init__(self, hub: Hub) -> None:
        """Makes a registry of its own: a process may hold several hubs.

        Args:
            hub: Its counters are shown, and how it stands.
        """
        self._registry = CollectorRegistry()
        self._registry.register(_Families(hub))
        ProcessCollector(registry=self._registry)  # memory, processor time, open files

    def render(self) -> bytes:
        """The page as it is now."""
        return generate_latest(self._registry)


class _Families(Collector):
    """What prometheus_client asks for the numbers; it has to be of this class."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """All families."""
        hub = self._hub
        about = hub.daemon_info
        told = {"version": about.version, "model": about.model, "precision": about.precision}
        yield InfoMetricFamily(PREFIX, "What runs.", told | {"language": about.language})
        yield from _scalars([*_current_samples(hub), *hub.counters.collect()])
        for name, durations in zip(HISTOGRAMS, (hub.counters.decode_times, hub.counters.caption_delays), strict=True):
            yield _histogram(name, durations)


def _current_samples(hub: Hub) -> list[MetricSample]:
    """How the hub stands now."""
    missing = {hub.counters.source_label(name): False for name in hub.states}
    for name in hub.missing_sources:
        missing[hub.counters.source_label(name)] = True
    return [
        MetricSample("viewers", "Viewers now.", hub.viewers),
        MetricSample("notices", "Things that are wrong now; /healthz says which.", len(hub.notices)),
        *(
            MetricSample("source_missing", "1 while a source's device is not there.", gone, (("source", label),))
            for label, gone in missing.items()
        ),
    ]


def _scalars(readings: Iterable[MetricSample]) -> Iterator[Metric]:
    families: dict[str, list[MetricSample]] = {}
    for reading in readings:
        families.setdefault(reading.name, []).append(reading)
    for name, members in families.items():
        kind = CounterMetricFamily if members[0].is_counter else GaugeMetricFamily
        family = kind(f"{PREFIX}_{name}", members[0].help, labels=[key for key, _ in members[0].labels])
        for reading in members:
            family.add_metric([value for _, value in reading.labels], reading.value)
        yield family


def _histogram(name: str, durations: dict[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}_{name}", HISTOGRAMS[name], labels=["kind"])
    for kind, times in durations.items():
        buckets = [
            ("+Inf" if bound == float("inf") else str(bound), count) for bound, count in times.cumulative_buckets
        ]
        family.add_metric([kind], buckets, times.sum_s)
    return family
