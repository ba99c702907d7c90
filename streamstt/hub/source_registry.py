"""The sources of a hub: how they are called, when their audio was spoken, and whose device is awaited."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from streamstt.clock import Clock, Timestamp
from streamstt.events import Event, Final, Status
from streamstt.hub.protocol import Message, SourceInfo, encode, wall_time


class SourceRegistry:
    """Knows the present sources, and gives events the time and label of theirs.

    Attributes:
        session_clock: Tells the time of finals.
        pending_devices: Names of the sources whose device has not been available since the start.
    """

    def __init__(self, session_clock: Clock) -> None:
        """Starts without sources; ``session_clock`` as the attribute."""
        self.session_clock = session_clock
        self.pending_devices: set[str] = set()
        self._infos: dict[str, SourceInfo] = {}
        self._times: dict[str, Callable[[float], float]] = {}  # as for ``add``

    @property
    def infos(self) -> list[SourceInfo]:
        """The present sources."""
        return list(self._infos.values())

    def add(self, info: SourceInfo, time_of: Callable[[float], float] | None = None) -> None:
        """Adds a source.

        Args:
            info: The source.
            time_of: Returns the elapsed time (s) of a stream time (s); None: its ``started_at`` tells the time.
        """
        self._infos[info.name] = info
        if time_of:
            self._times[info.name] = time_of

    def start(self, name: str, started_at: str) -> None:
        """Sets the wall time (ISO 8601) of the source's stream time 0."""
        self._infos[name] = replace(self._infos[name], started_at=started_at)

    def remove(self, name: str) -> None:
        """Removes a source."""
        self._infos.pop(name, None)
        self._times.pop(name, None)
        self.pending_devices.discard(name)

    def replace_all(self, infos: Iterable[SourceInfo]) -> None:
        """Replaces all sources by those of another hub."""
        self._infos = {info.name: info for info in infos}
        self._times.clear()

    def encode(self, event: Event, seq: int) -> Message:
        """Encodes an event with what only the registry knows of its source.

        Args:
            event: The event.
            seq: Its number.
        """
        source = self._infos.get(event.source)
        timestamp = self._timestamp(source, event.start) if source and isinstance(event, Final) else None
        # Viewers need it for a source that is in no earlier hello, and for finals of one that is in no later hello.
        label = source.label if source and isinstance(event, Status | Final) else ""
        if timestamp is None:
            return encode(event, seq, label=label)
        return encode(event, seq, at=timestamp.at, label=label, steady=round(timestamp.steady, 3))

    def _timestamp(self, source: SourceInfo, stream_s: float) -> Timestamp:
        """Returns when the audio at a stream time (s) was spoken."""
        if time_of := self._times.get(source.name):
            return self.session_clock.timestamp(time_of(stream_s))
        wall = datetime.fromisoformat(wall_time(source.started_at, stream_s)).timestamp()
        return Timestamp(wall, wall)
