"""When audio was spoken, from when it arrived: with clocks, networks and clients that are drawn."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import SAMPLE_RATE
from streamstt.captioning.stream_times import MAX_AHEAD_S, TOLERANCE_S, Origin, StreamTimes
from tests.support.drawing import PROPERTY

BEGIN = 5000.0  # elapsed time (s) at which the first sample is spoken
BLOCK_S = 0.1
BLOCK = round(BLOCK_S * SAMPLE_RATE)


class Stream:
    """A stream of blocks, each spoken at a time, and arriving at a time that is not earlier."""

    def __init__(self, origin: Origin = Origin.CLIENT) -> None:
        self.times = StreamTimes(origin)
        self.position = 0
        self.spoken: list[tuple[float, float]] = []  # stream time of the start of each block, and when it was spoken

    def send(self, spoken_at: float, arrived_at: float, count: int = BLOCK) -> None:
        """A block arrives whose first sample was spoken at ``spoken_at``."""
        self.spoken.append((self.position / SAMPLE_RATE, spoken_at))
        self.times.add_arrival(self.position, self.position + count, arrived_at)
        self.position += count

    def speak(self, at: float, duration_s: float, speed: float = 1.0) -> float:
        """Sends audio from a time on; returns the time at its end."""
        for n in range(round(duration_s / BLOCK_S)):
            self.send(at + n * BLOCK_S, at + (n + 1) * BLOCK_S / speed)
        return at + duration_s / speed

    @property
    def errors(self) -> list[float]:
        """How much later than it was spoken each block is placed (s)."""
        return [self.times.time_of(stream_s) - at for stream_s, at in self.spoken]


def test_one_speed() -> None:
    """Audio in real time is placed where it was spoken, between blocks, too."""
    stream = Stream()
    stream.speak(BEGIN, 20)
    assert stream.errors == pytest.approx([0] * 200)
    assert stream.times.time_of(7.77) == pytest.approx(BEGIN + 7.77)


@pytest.mark.parametrize("pause_s", [0.5, 25.0, 8 * 3600.0], ids=["a breath", "a silence", "a night"])
def test_left_out_audio_is_time_that_passed(pause_s: float) -> None:
    """A client that leaves out silence, or a machine that sleeps: what follows is later, what was before is not."""
    stream = Stream()
    at = stream.speak(BEGIN, 10)
    at = stream.speak(at + pause_s, 10)
    stream.speak(at + pause_s, 10)
    assert stream.errors == pytest.approx([0] * 300)
    assert stream.times.time_of(9.9) == pytest.approx(BEGIN + 9.9)
    assert stream.times.time_of(25) == pytest.approx(BEGIN + 25 + 2 * pause_s)


def test_late_audio_is_not_a_pause() -> None:
    """Audio that a network or a busy machine held back, and that then comes at once, has its own time."""
    stream = Stream()
    for n in range(300):
        spoken_at = BEGIN + n * BLOCK_S
        stream.send(spoken_at, max(spoken_at + BLOCK_S, BEGIN + 14) if n > 100 else spoken_at + BLOCK_S)
    assert stream.errors == pytest.approx([0] * 300)


def test_it_began_late() -> None:
    """What a client gathered while it connected has its own time."""
    stream = Stream()
    for n in range(300):
        stream.send(BEGIN + n * BLOCK_S, max(BEGIN + (n + 1) * BLOCK_S, BEGIN + MAX_AHEAD_S - 0.2))
    assert stream.errors == pytest.approx([0] * 300)


def test_several_delays_at_once() -> None:
    """A delay within a delay: both are over when the audio has caught up."""
    stream = Stream()
    stream.speak(BEGIN, 60)
    for n in range(600, 900):
        late_s = 5 if n == 600 else 9 if n < 610 else 0
        stream.send(BEGIN + n * BLOCK_S, BEGIN + (n + 1) * BLOCK_S + late_s)
    assert stream.errors == pytest.approx([0] * 900)


@pytest.mark.parametrize("speed", [1.3, 3, 20, 1000])
@pytest.mark.parametrize("pause_s", [0, 40])
def test_faster_than_speech(speed: float, pause_s: float) -> None:
    """A recording counts from the arrival of its first sample, in sequence, and what follows a pause from its own."""
    stream = Stream()
    at = stream.speak(BEGIN, 60, speed)
    first = stream.times.time_of(0)
    assert first == pytest.approx(BEGIN, abs=BLOCK_S)
    assert stream.times.time_of(59) == pytest.approx(first + 59)
    stream.speak(at + pause_s, 60, speed)
    later = max(first + 60, at + pause_s)
    assert stream.times.time_of(60) == pytest.approx(later, abs=BLOCK_S)
    assert stream.times.time_of(119) == pytest.approx(later + 59, abs=BLOCK_S)


@pytest.mark.parametrize("speed", [0.2, 1.0, 50.0])
def test_a_file(speed: float) -> None:
    """A file counts from its start, however slowly or fast it is read."""
    stream = Stream(Origin.FILE)
    stream.speak(BEGIN, 60, speed)
    assert stream.times.time_of(50) - stream.times.time_of(0) == pytest.approx(50)
    assert stream.times.time_of(0) == pytest.approx(BEGIN, abs=max(1, 1 / speed) * BLOCK_S)


def test_a_device_that_begins_late() -> None:
    """A device, or a live stream, that holds back its first seconds and then delivers them at once, is no recording."""
    stream = Stream(Origin.DEVICE)
    for n in range(900):
        stream.send(BEGIN + n * BLOCK_S, max(BEGIN + (n + 1) * BLOCK_S, BEGIN + 20))
    assert stream.errors == pytest.approx([0] * 900)


@pytest.mark.parametrize("origin", [Origin.DEVICE, Origin.CLIENT])
@pytest.mark.parametrize("drift", [-200e-6, 200e-6, -1e-3, 1e-3])
def test_drift(origin: Origin, drift: float) -> None:
    """After ten hours the clock of a sound device is seconds off; the times of its audio are not."""
    times = StreamTimes(origin)
    for second in range(36_000):
        end = round((second + 1) * SAMPLE_RATE * (1 + drift))
        times.add_arrival(round(second * SAMPLE_RATE * (1 + drift)), end, BEGIN + second + 1)
        if second % 600 == 599:
            for ago_s in (0, 1, 10):
                spoken_at = times.time_of(end / SAMPLE_RATE - ago_s)
                assert spoken_at == pytest.approx(BEGIN + second + 1 - ago_s, abs=TOLERANCE_S + 0.02)


delays = st.lists(st.floats(0, 0.4), min_size=30, max_size=30)
pauses = st.sampled_from([0.0] * 12 + [0.02, 1.0, 25.0, 3600.0])


@PROPERTY
@given(delays, st.lists(pauses, min_size=30, max_size=30))
def test_any_stream(late_s: list[float], pauses_s: list[float]) -> None:
    """Whatever is late or left out: no audio is placed before it was spoken or after it came, and order is kept."""
    stream = Stream()
    spoken = [BEGIN + n * BLOCK_S + pause for n, pause in enumerate(accumulate(pauses_s))]
    arrived = list(accumulate((at + BLOCK_S + late for at, late in zip(spoken, late_s, strict=True)), max))
    for spoken_at, arrived_at in zip(spoken, arrived, strict=True):
        stream.send(spoken_at, arrived_at)
    for error, spoken_at, arrived_at in zip(stream.errors, spoken, arrived, strict=True):
        assert -TOLERANCE_S - 1e-6 <= error <= arrived_at - BLOCK_S - spoken_at + 1e-6
    placed = [stream.times.time_of(n * BLOCK_S) for n in range(30)]
    assert all(after - before > BLOCK_S - 1e-6 for before, after in pairwise(placed))


def test_many_changes() -> None:
    """The number of changes that are remembered is bounded; the newest are."""
    stream, at = Stream(), BEGIN
    for _ in range(5000):
        at = stream.speak(at + 1, BLOCK_S)
    assert max(map(abs, stream.errors[-900:])) < TOLERANCE_S
    assert len(stream.times._anchors) <= 1000
