"""What has happened since the start, counted; and readings of what is. Knows nothing of any format.

A source's name may come from a stranger: only names of the settings are told apart, all others are ``remote``. So the
number of readings is bounded.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamstt.events import Event, Final, Gap, Partial

REMOTE = "remote"
BOUNDS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """One number now.

    Attributes:
        name: Without the program's name: ``audio_seconds``.
        help: A sentence.
        value: The number; it never falls if ``total``.
        labels: What it is of.
        total: It counts since the start.
    """

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    total: bool = False


class Durations:
    """How long something took, as a histogram."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Once more, so long."""
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def cumulative(self) -> list[tuple[float, int]]:
        """Each upper bound (s), the last infinite, and how often it took no longer."""
        total, pairs = 0, []
        for bound, count in zip((*BOUNDS_S, float("inf")), self._counts, strict=True):
            total += count
            pairs.append((bound, total))
        return pairs


@dataclass(slots=True)
class OfSource:
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
        decoding: How long the engine took, by kind of caption.
        showing: How old the newest audio in a caption was when it was published, by kind.
        viewers: Who ever followed.
        speakers: Who ever sent audio.
        too_slow: Who was closed because it did not read.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Nothing has happened.

        Args:
            known: Names of sources that are told apart.
        """
        self._sources = {name: OfSource() for name in known}
        self._probes: list[Callable[[], Iterable[Reading]]] = []
        self.decoding = {"partial": Durations(), "final": Durations()}
        self.showing = {"partial": Durations(), "final": Durations()}
        self.viewers = self.speakers = self.too_slow = 0

    def label(self, source: str) -> str:
        """The name under which a source is counted."""
        return source if source in self._sources else REMOTE

    def of(self, source: str) -> OfSource:
        """A source's counts."""
        return self._sources.setdefault(self.label(source), OfSource())

    def published(self, event: Event) -> None:
        """Counts an event."""
        source = self.of(event.source)
        match event:
            case Partial():
                source.updates += 1
            case Final():
                source.finals += bool(event.text)
                source.words += len(event.words)
            case Gap():
                source.gaps += 1
                source.gap_s += event.end - event.start

    def came(self, *, viewer: bool) -> None:
        """Somebody has connected: to follow all sources, or to send audio."""
        self.viewers += viewer
        self.speakers += not viewer

    def decoded(self, *, final: bool, took_s: float, age_s: float) -> None:
        """The engine has answered, and the answer is published."""
        kind = "final" if final else "partial"
        self.decoding[kind].add(took_s)
        self.showing[kind].add(age_s)

    def add_probe(self, probe: Callable[[], Iterable[Reading]]) -> None:
        """Has ``probe`` asked for more at each reading."""
        self._probes.append(probe)

    def readings(self) -> list[Reading]:
        """All numbers but the durations."""
        found = [reading for name, counts in self._sources.items() for reading in _of_source(name, counts)]
        found += [
            Reading("viewers_connected", "Viewers that ever came.", self.viewers, total=True),
            Reading("speakers_connected", "Clients that ever sent audio.", self.speakers, total=True),
            Reading("clients_too_slow", "Clients closed because they did not read.", self.too_slow, total=True),
        ]
        return found + [reading for probe in self._probes for reading in probe()]


def _of_source(source: str, counts: OfSource) -> list[Reading]:
    totals: tuple[tuple[str, str, float], ...] = (
        ("audio_seconds", "Audio that came in.", counts.audio_s),
        ("updates", "Partial captions published.", counts.updates),
        ("finals", "Final captions published.", counts.finals),
        ("words", "Words in final captions.", counts.words),
        ("gaps", "Stretches of audio that are in no caption.", counts.gaps),
        ("gap_seconds", "Audio that is in no caption.", counts.gap_s),
    )
    return [Reading(name, text, value, (("source", source),), total=True) for name, text, value in totals]
