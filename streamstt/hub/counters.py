"""What has happened since the start, counted; and readings of what is. Knows nothing of any format.

A source's name may come from a stranger: only names of the settings are told apart, all others are ``remote``. So the
number of readings is bounded.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamstt.events import Event, Final, Gap, Partial

REMOTE = "remote"
BUCKETS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One number now.

    Attributes:
        name: Without the program's name: ``audio_seconds``.
        help: A sentence.
        value: The number; it never falls if ``total``.
        labels: What it is of.
        is_counter: It counts since the start.
    """

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    is_counter: bool = False


class Histogram:
    """How long something took, as a histogram."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Once more, so long."""
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def cumulative_buckets(self) -> list[tuple[float, int]]:
        """Each upper bound (s), the last infinite, and how often it took no longer."""
        total, pairs = 0, []
        for bound, count in zip((*BUCKETS_S, float("inf")), self._counts, strict=True):
            total += count
            pairs.append((bound, total))
        return pairs


@dataclass(slots=True)
class SourceCounters:
    """What came from a source."""

    audio_s: float = 0.0
    updates: int = 0
    finals: int = 0
    words: int = 0
    gaps: int = 0
    gap_s: float = 0.0


class Counters:
    """Counts; owned by the hub, fed by it and by the studio.

    Attributes:
        decode_times: How long the engine took, by kind of caption.
        caption_delays: How old the newest audio in a caption was when it was published, by kind.
        viewers: Who ever followed.
        speakers: Who ever sent audio.
        too_slow: Who was closed because it did not read.
    """

    def __init__(self, source_names: Iterable[str] = ()) -> None:
        """Nothing has happened.

        Args:
            source_names: Names of sources that are told apart.
        """
        self._sources = {name: SourceCounters() for name in source_names}
        self._collectors: list[Callable[[], Iterable[MetricSample]]] = []
        self.decode_times = {"partial": Histogram(), "final": Histogram()}
        self.caption_delays = {"partial": Histogram(), "final": Histogram()}
        self.viewers = self.speakers = self.too_slow = 0

    def source_label(self, source: str) -> str:
        """The name under which a source is counted."""
        return source if source in self._sources else REMOTE

    def for_source(self, source: str) -> SourceCounters:
        """A source's counts."""
        return self._sources.setdefault(self.source_label(source), SourceCounters())

    def count_event(self, event: Event) -> None:
        """Counts an event."""
        source = self.for_source(event.source)
        match event:
            case Partial():
                source.updates += 1
            case Final():
                source.finals += bool(event.text)
                source.words += len(event.words)
            case Gap():
                source.gaps += 1
                source.gap_s += event.end - event.start

    def count_connection(self, *, viewer: bool) -> None:
        """Somebody has connected: to follow all sources, or to send audio."""
        self.viewers += viewer
        self.speakers += not viewer

    def count_decode(self, *, final: bool, decode_s: float, age_s: float) -> None:
        """The engine has answered, and the answer is published."""
        kind = "final" if final else "partial"
        self.decode_times[kind].observe(decode_s)
        self.caption_delays[kind].observe(age_s)

    def add_collector(self, collector: Callable[[], Iterable[MetricSample]]) -> None:
        """Has ``probe`` asked for more at each reading."""
        self._collectors.append(collector)

    def collect(self) -> list[MetricSample]:
        """All numbers but the durations."""
        found = [reading for name, counts in self._sources.items() for reading in _source_samples(name, counts)]
        found += [
            MetricSample("viewers_connected", "Viewers that ever came.", self.viewers, is_counter=True),
            MetricSample("speakers_connected", "Clients that ever sent audio.", self.speakers, is_counter=True),
            MetricSample(
                "clients_too_slow", "Clients closed because they did not read.", self.too_slow, is_counter=True
            ),
        ]
        return found + [reading for probe in self._collectors for reading in probe()]


def _source_samples(source: str, counts: SourceCounters) -> list[MetricSample]:
    totals: tuple[tuple[str, str, float], ...] = (
        ("audio_seconds", "Audio that came in.", counts.audio_s),
        ("updates", "Partial captions published.", counts.updates),
        ("finals", "Final captions published.", counts.finals),
        ("words", "Words in final captions.", counts.words),
        ("gaps", "Stretches of audio that are in no caption.", counts.gaps),
        ("gap_seconds", "Audio that is in no caption.", counts.gap_s),
    )
    return [MetricSample(name, text, value, (("source", source),), is_counter=True) for name, text, value in totals]
