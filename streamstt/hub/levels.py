"""The level of each source, a few times a second, for those who ask. What nobody takes at once is lost, on purpose.

A level is out of date as soon as the next one comes: it has no number, is in no history, and waits in no queue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from streamstt.audio.format import Samples
from streamstt.audio.level import LevelMeter
from streamstt.hub.protocol import to_frame, to_json

INTERVAL_S = 0.19  # blocks come every 20 or 40 ms: about five levels a second, of audio without a hole


@dataclass(frozen=True, slots=True)
class LevelMessage:
    """How loud a source was since its last level.

    Attributes:
        source: Its name.
        rms: dB below full scale, -100 to 0.
        peak: The same of the loudest sample.
        frame: The message as a WebSocket sends it.
    """

    source: str
    rms: float
    peak: float
    frame: bytes


class Levels:
    """Measures while somebody watches; costs nothing otherwise."""

    def __init__(self) -> None:
        """Nobody watches."""
        self._subscribers: list[Callable[[LevelMessage], None]] = []
        self._meters: dict[
            str, tuple[LevelMeter, float]
        ] = {}  # of each source that is heard, and when it was read last

    @contextmanager
    def subscribe(self, callback: Callable[[LevelMessage], None]) -> Iterator[None]:
        """Hands every level to ``take`` while this is open.

        Args:
            callback: Never waits, never raises.
        """
        self._subscribers.append(callback)
        try:
            yield
        finally:
            self._subscribers.remove(callback)
            if not self._subscribers:
                self._meters.clear()

    def measure(self, source: str, samples: Samples, now: float) -> None:
        """Takes the next audio of a source, shape (n,); ``now`` are seconds of a clock that never goes back."""
        if not self._subscribers:
            return
        gauge, read_at = self._meters.setdefault(source, (LevelMeter(), now))
        gauge.push(samples)
        if now - read_at < INTERVAL_S:
            return
        self._meters[source] = gauge, now
        loud = gauge.read()
        text = to_json({"type": "level", "source": source, "rms": loud.rms, "peak": loud.peak})
        level = LevelMessage(source, loud.rms, loud.peak, to_frame(text))
        for take in list(self._subscribers):
            take(level)

    def remove_source(self, source: str) -> None:
        """The source has ended."""
        self._meters.pop(source, None)
