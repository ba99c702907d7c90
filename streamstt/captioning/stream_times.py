"""When the audio of a stream was spoken: maps positions in it to elapsed time. Pure.

Audio arrives after it was spoken: late by a queue, a network or a busy machine, but never early. And between two
samples at least as much time passes as there is audio between them; more, if audio was left out or the machine slept.
So the time of a sample is the earliest that its own arrival and all later ones allow. Audio that is late and then
comes all at once gets its true time, a pause stays one, and a clock that drifts is followed.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum

from streamstt.audio.format import SAMPLE_RATE

TOLERANCE_S = 0.05  # a change by less is not noted, so that jitter leaves the times of a stream as they are
MAX_DRIFT = 0.005  # s a second: much more than the clocks of sound devices differ
# A client that is ahead of time by more sends a recording, not what it hears. It is less than that at first: what a
# client has gathered while it connected.
MAX_AHEAD_S = 2.0
MAX_ANCHORS = 1000  # changes that are remembered; the oldest are forgotten, whose captions are long final


class Origin(Enum):
    """Where audio comes from."""

    DEVICE = 1  # it is heard: audio that comes faster than it was spoken has been late before
    CLIENT = 2  # it is heard, or a recording that is sent
    FILE = 3  # a recording whose times count from its start whenever it is read


@dataclass(frozen=True, slots=True)
class Anchor:
    """From a position on (samples), elapsed time is stream time plus ``offset_s``."""

    position: int
    offset_s: float


class StreamTimes:
    """The times of one stream, from the arrival of its blocks.

    A client that sends faster than one can speak sends a recording. It counts from the arrival of its first sample, and
    after a pause from that of the next one.
    """

    def __init__(self, origin: Origin) -> None:
        """Starts without audio; ``origin`` is where it comes from."""
        self._origin = origin
        self._is_ahead = False  # of time: the client sends a recording
        self._anchors: list[Anchor] = []  # positions and offsets rise
        self._first_offset_s = self._first_at = 0.0

    def add_arrival(self, start: int, end: int, at: float) -> None:
        """Notes the arrival of audio.

        Args:
            start: Sample index after the audio before it.
            end: Sample index after its last sample.
            at: Elapsed time (s) at which that arrived.
        """
        offset_s = at - end / SAMPLE_RATE
        if not self._anchors:
            self._first_offset_s, self._first_at = offset_s, at
            self._anchors.append(Anchor(start, offset_s))
        if self._origin is Origin.FILE:
            return
        earliest_s = self._first_offset_s - MAX_AHEAD_S - MAX_DRIFT * (at - self._first_at)
        if offset_s < earliest_s and self._origin is Origin.CLIENT and not self._is_ahead:
            self._is_ahead = True
            self._anchors = [Anchor(0, self._first_offset_s)]
        while not self._is_ahead and self._anchors and self._anchors[-1].offset_s > offset_s:
            start = self._anchors.pop().position  # that was late, or the device's clock is fast
        if not self._anchors or self._anchors[-1].offset_s < offset_s - TOLERANCE_S:
            self._anchors.append(Anchor(start, offset_s))
            del self._anchors[:-MAX_ANCHORS]

    def time_of(self, stream_s: float) -> float:
        """Returns the elapsed time (s) at which the audio at a stream time (s) was spoken.

        Raises:
            RuntimeError: There is no audio yet.
        """
        if not self._anchors:
            raise RuntimeError("a stream has no times before its first audio")
        n = bisect_right(self._anchors, round(stream_s * SAMPLE_RATE), key=lambda anchor: anchor.position)
        return self._anchors[max(0, n - 1)].offset_s + stream_s
