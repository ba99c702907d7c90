"""The level of each source, a few times a second, for subscribers that ask for it.

A level is out of date as soon as the next one comes: it has no number, is in no history, and waits in no queue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from streamstt.audio.format import Samples
from streamstt.audio.level import LevelMeter
from streamstt.hub.protocol import to_frame, to_json

INTERVAL_S = 0.19  # blocks come every 20 or 40 ms: about five levels per second, without a gap in the audio


@dataclass(frozen=True, slots=True)
class LevelMessage:
    """The level of a source since its last message.

    Attributes:
        source: Name of the source.
        rms: RMS level in dBFS, -100 to 0.
        peak: Level of the loudest sample in dBFS, -100 to 0.
        frame: The message as a WebSocket frame.
    """

    source: str
    rms: float
    peak: float
    frame: bytes


class Levels:
    """Measures the level of each source while anybody subscribes; costs nothing otherwise."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[LevelMessage], None]] = []
        self._meters: dict[str, tuple[LevelMeter, float]] = {}  # by source, each with the time when it was read last

    @contextmanager
    def subscribe(self, callback: Callable[[LevelMessage], None]) -> Iterator[None]:
        """Passes every level to ``callback`` while the context is open.

        Args:
            callback: Must not wait, nor raise.
        """
        self._subscribers.append(callback)
        try:
            yield
        finally:
            self._subscribers.remove(callback)
            if not self._subscribers:
                self._meters.clear()

    def measure(self, source: str, samples: Samples, now: float) -> None:
        """Measures the next audio of a source.

        Args:
            source: Name of the source.
            samples: Shape (n,).
            now: Time of a monotonic clock, in seconds.
        """
        if not self._subscribers:
            return
        meter, read_at = self._meters.setdefault(source, (LevelMeter(), now))
        meter.push(samples)
        if now - read_at < INTERVAL_S:
            return
        self._meters[source] = meter, now
        level = meter.read()
        text = to_json({"type": "level", "source": source, "rms": level.rms, "peak": level.peak})
        message = LevelMessage(source, level.rms, level.peak, to_frame(text))
        for callback in list(self._subscribers):
            callback(message)

    def remove_source(self, source: str) -> None:
        """Removes a source that has ended."""
        self._meters.pop(source, None)
