"""Metrics in the format of Prometheus. The only module that imports prometheus_client; one registry per hub.

A source's name may come from a client, so only names from the settings are labels; all others are ``remote``. This
bounds the number of time series.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamstt.events import Event, Final, Gap, Partial
from streamstt.hub.protocol import DaemonInfo

PREFIX = "streamstt"
REMOTE = "remote"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class SourceCounters:
    """The counters of one source.

    Attributes:
        audio_s: Audio received, in seconds.
        updates: Partial captions published.
        finals: Final captions published.
        words: Words in them.
        gaps: Stretches of audio that are in no caption.
        gap_s: Their length, in seconds.
    """

    audio_s: Counter
    updates: Counter
    finals: Counter
    words: Counter
    gaps: Counter
    gap_s: Counter


class Counters:
    """The metrics of one hub: those that it counts itself, and those that other parts add.

    Attributes:
        registry: All of them.
        viewers: Viewers that ever connected.
        speakers: Clients that ever sent audio.
        too_slow: Clients closed because they did not read.
        read_lags: Returns the lag of each source in seconds, by the source's label; set by the caption pipeline.
    """

    def __init__(self, source_names: Iterable[str] = ()) -> None:
        """Starts with everything at zero.

        Args:
            source_names: Names of sources with a label of their own; all others are counted as ``remote``.
        """
        self.registry: CollectorRegistry = _Registry()
        self.read_lags: Callable[[], Mapping[str, float]] = dict
        self._info = Info(PREFIX, "Version, model, precision and language.", registry=self.registry)
        self._by_source = {
            "audio_s": self._counter("audio_seconds", "Audio received.", "source"),
            "updates": self._counter("updates", "Partial captions published.", "source"),
            "finals": self._counter("finals", "Final captions published.", "source"),
            "words": self._counter("words", "Words in final captions.", "source"),
            "gaps": self._counter("gaps", "Stretches of audio that are in no caption.", "source"),
            "gap_s": self._counter("gap_seconds", "Audio that is in no caption.", "source"),
        }
        self._sources: dict[str, SourceCounters] = {}
        for name in source_names:
            self._add_label(name)
        self.viewers = self._counter("viewers_connected", "Viewers that ever connected.")
        self.speakers = self._counter("speakers_connected", "Clients that ever sent audio.")
        self.too_slow = self._counter("clients_too_slow", "Clients closed because they did not read.")
        self._decode_times = self._histogram("decode_seconds", "Time that the engine took for a caption.")
        self._caption_delays = self._histogram(
            "caption_delay_seconds",
            "Age of the newest audio in a caption when the caption was published.",
        )
        self._readings: dict[str, _Readings] = {}
        self._gauges: dict[str, Gauge] = {}
        text = "Audio that should have been decoded by now; the greatest of all remote sources."
        self.add_gauges("lag_seconds", text, "source", self._read_lags)
        ProcessCollector(registry=self.registry)  # memory, CPU time, open files

    def render(self) -> bytes:
        """Returns all metrics as they are now, in Prometheus' text format."""
        return generate_latest(self.registry)

    def set_info(self, daemon_info: DaemonInfo) -> None:
        """Sets the version, model, number format and language that are reported."""
        self._info.info({key: getattr(daemon_info, key) for key in ("version", "model", "precision", "language")})

    def source_label(self, source: str) -> str:
        """Returns the label under which a source is counted."""
        return source if source in self._sources else REMOTE

    def for_source(self, source: str) -> SourceCounters:
        """Returns a source's counters."""
        label = self.source_label(source)
        return self._sources.get(label) or self._add_label(label)

    @property
    def max_lag_s(self) -> float:
        """The lag of the source that is most behind, in seconds."""
        return max(self.read_lags().values(), default=0.0)

    def count_event(self, event: Event) -> None:
        """Counts an event that is published."""
        source = self.for_source(event.source)
        match event:
            case Partial():
                source.updates.inc()
            case Final():
                source.finals.inc(bool(event.text))
                source.words.inc(len(event.words))
            case Gap():
                source.gaps.inc()
                source.gap_s.inc(event.end - event.start)

    def count_decode(self, *, final: bool, decode_s: float, age_s: float) -> None:
        """Counts a decode whose caption is published.

        Args:
            final: Whether the caption is final.
            decode_s: How long the engine took, in seconds.
            age_s: Age of the newest audio in the caption when it was published, in seconds.
        """
        kind = "final" if final else "partial"
        self._decode_times.labels(kind).observe(decode_s)
        self._caption_delays.labels(kind).observe(age_s)

    def add_counter(self, name: str, documentation: str, read: Callable[[], float], **labels: str) -> None:
        """Adds a counter that is kept elsewhere.

        Args:
            name: Without the program's name.
            documentation: A sentence.
            read: Returns the count, which never falls.
            labels: Names and values of its labels.
        """
        readings = self._readings.get(name)
        if readings is None:
            family = CounterMetricFamily(f"{PREFIX}_{name}", documentation, labels=list(labels))
            readings = self._readings[name] = _Readings(family)
            self.registry.register(readings)
        readings.add(lambda: {tuple(labels.values()): read()})

    def add_gauge(self, name: str, documentation: str, read: Callable[[], float], **labels: str) -> None:
        """Adds a value that may rise and fall; arguments as for ``add_counter``."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(name, documentation, list(labels), namespace=PREFIX, registry=self.registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def add_gauges(self, name: str, documentation: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Adds values that come and go.

        Args:
            name: Without the program's name.
            documentation: A sentence.
            label: Name of the label that distinguishes them.
            read: Returns the present values, by value of the label.
        """
        readings = _Readings(GaugeMetricFamily(f"{PREFIX}_{name}", documentation, labels=[label]))
        readings.add(lambda: {(key,): value for key, value in read().items()})
        self.registry.register(readings)

    def _read_lags(self) -> Mapping[str, float]:
        return self.read_lags()  # which is set later

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, documentation: str) -> Histogram:
        histogram = Histogram(
            name, documentation, ("kind",), namespace=PREFIX, registry=self.registry, buckets=BUCKETS_S
        )
        for kind in ("partial", "final"):
            histogram.labels(kind)
        return histogram

    def _add_label(self, label: str) -> SourceCounters:
        counters = SourceCounters(**{key: counter.labels(label) for key, counter in self._by_source.items()})
        self._sources[label] = counters
        return counters


class _Registry(CollectorRegistry):
    """A registry that omits the creation time of each counter.

    prometheus_client adds it as one more metric per counter. Its own switch is for the whole process, which may belong
    to a program that uses the Python API.
    """

    def collect(self) -> Iterator[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _Readings(Collector):
    """A metric whose values are read when Prometheus asks."""

    def __init__(self, family: CounterMetricFamily | GaugeMetricFamily) -> None:
        self._family = family
        self._reads: list[Callable[[], Mapping[tuple[str, ...], float]]] = []

    def add(self, read: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Adds a function that returns values by the values of their labels."""
        self._reads.append(read)

    def collect(self) -> Iterator[Metric]:
        self._family.samples.clear()
        for read in self._reads:
            for labels, value in read().items():
                self._family.add_metric(labels, value)
        if self._family.samples:
            yield self._family
