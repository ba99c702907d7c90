"""What a live stream's audio becomes in stream time; the reader process is scripted, and the clock is the test's."""

import json
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from streamstt.audio import network_stream
from streamstt.audio.devices.messages import MessageType
from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.network_stream import AUDIO_TIMEOUT_S, NetworkStream
from streamstt.captioning.setup import probe_source
from streamstt.errors import SourceError

BLOCK_S = 0.1
URL = "rtsp://me:swordfish@camera.example:8554/key-4711?token=abc"


class Clock(threading.Event):
    """A clock that is moved by waiting; also the event that is never set."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return False


class Reader:
    """A reader process that sends each message at its time (s)."""

    def __init__(self, clock: Clock, messages: Iterator[tuple[float, MessageType, bytes]]) -> None:
        self._clock = clock
        self._messages = messages
        self._next = next(messages, None)

    def poll(self, _: threading.Event, timeout_s: float) -> tuple[MessageType, bytes] | None:
        if self._next is None or self._next[0] > self._clock.now + timeout_s:
            self._clock.wait(timeout_s)
            return None
        at, kind, payload = self._next
        self._clock.now = max(self._clock.now, at)
        self._next = next(self._messages, None)
        return kind, payload

    def kill(self) -> None:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(network_stream, "time", clock)
    return clock


def opened(*, paced: bool = False) -> tuple[MessageType, bytes]:
    return MessageType.OPENED, json.dumps({"rate": SAMPLE_RATE, "channels": 1, "paced": paced}).encode()


def audio(seconds: float = BLOCK_S, value: float = 0.5) -> tuple[MessageType, bytes]:
    return MessageType.AUDIO, np.full(round(seconds * SAMPLE_RATE), value, np.float32).tobytes()


def make_stream(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, messages: list[tuple[float, tuple[MessageType, bytes]]]
) -> NetworkStream:
    """Returns an open stream whose reader sends messages at times from now (s)."""
    begin = clock.now
    script = iter([(begin + at, *message) for at, message in messages])
    monkeypatch.setattr(network_stream, "RecorderProcess", lambda **_: Reader(clock, script))
    stream = NetworkStream(URL)
    stream.open()
    return stream


def live(begin_s: float, seconds: float) -> list[tuple[float, tuple[MessageType, bytes]]]:
    """Audio in real time, from a time on."""
    return [(begin_s + (i + 1) * BLOCK_S, audio()) for i in range(round(seconds / BLOCK_S))]


def read(stream: NetworkStream, clock: Clock, count: int) -> list[tuple[float, Block]]:
    """Returns blocks, each with the time at which it was returned (s)."""
    begin, blocks = clock.now, []
    for _ in range(count):
        block = stream.read(clock)
        assert block
        blocks.append((clock.now - begin, block))
    return blocks


def test_a_burst_ends_now(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Audio that the server sends at once has been recorded before: it is one block that ends when it has come."""
    burst = [(0.01 * i, audio()) for i in range(80)]
    stream = make_stream(monkeypatch, clock, [(0, opened()), *burst, *live(0.8, 5)])
    (_, first), *rest = read(stream, clock, 20)
    assert first.start == 0
    assert 8 <= len(first.samples) / SAMPLE_RATE < 9
    position = first.end
    for _, block in rest:
        assert block.start == position
        position = block.end


def test_a_stream_in_real_time_is_not_delayed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Without a burst, each block is returned when it comes."""
    stream = make_stream(monkeypatch, clock, [(0, opened()), *live(0, 5)])
    for at_s, block in read(stream, clock, 30):
        assert at_s == pytest.approx(block.end / SAMPLE_RATE, abs=BLOCK_S)


def test_a_playlist_is_played_in_real_time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Segments come at once; their audio is returned when it is due, and all of it."""
    segments = [(2.0 * i, audio()) for i in range(5) for _ in range(20)]
    stream = make_stream(monkeypatch, clock, [(0, opened(paced=True)), *[(0.0, audio())] * 40, *segments])
    blocks = read(stream, clock, 140)
    assert [block.start for _, block in blocks] == [round(i * BLOCK_S * SAMPLE_RATE) for i in range(140)]
    for at_s, block in blocks:
        assert at_s == pytest.approx(block.start / SAMPLE_RATE, abs=0.02)


@pytest.mark.parametrize("speed", [2, 1000])
def test_a_server_that_never_stops_sending_at_once(monkeypatch: pytest.MonkeyPatch, clock: Clock, speed: float) -> None:
    """A recording without a length is read in real time, and what is kept is bounded."""
    stream = make_stream(monkeypatch, clock, [(0, opened()), *[(0.1 * i / speed, audio()) for i in range(5000)]])
    read(stream, clock, 1)
    blocks = read(stream, clock, 1000)
    assert blocks[-1][0] == pytest.approx(100, abs=1)
    assert sum(len(block.samples) for block in stream._waiting) <= 32 * SAMPLE_RATE


def test_what_was_heard_before_an_outage_is_not_heard_again(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """After an outage of three seconds, at most three seconds of the burst are new."""
    ending = (0.5, (MessageType.FAILED, b"the server has gone"))
    stream = make_stream(monkeypatch, clock, [(0, opened()), (0.1, audio()), ending])
    assert stream.read(clock)
    with pytest.raises(SourceError, match="gone"):
        stream.read(clock)
    away = clock.now
    clock.wait(3)
    script = iter([(clock.now, *opened()), *[(clock.now, *audio())] * 100])
    monkeypatch.setattr(network_stream, "RecorderProcess", lambda **_: Reader(clock, script))
    stream.open()
    block = stream.read(clock)
    assert block
    assert 3 <= len(block.samples) / SAMPLE_RATE <= clock.now - away + 0.5


@pytest.mark.parametrize(("missing_s", "gap"), [(0.2, False), (3.0, True)])
def test_missing_audio(monkeypatch: pytest.MonkeyPatch, clock: Clock, missing_s: float, gap: bool) -> None:
    """Positions count what is missing; a moment is silence, so that it does not cut a word, more is a gap."""
    lost = (1.0, (MessageType.LOST, str(round(missing_s * SAMPLE_RATE)).encode()))
    after = live(1 + missing_s, 1)
    stream = make_stream(monkeypatch, clock, [(0, opened()), *live(0, 1), lost, *after])
    blocks = [block for _, block in read(stream, clock, 10)]
    jumps = [b.start - a.end for a, b in pairwise(blocks) if b.start != a.end]
    assert jumps == ([missing_s * SAMPLE_RATE] if gap else [])


@pytest.mark.parametrize("late", [True, False])
def test_a_pause(monkeypatch: pytest.MonkeyPatch, clock: Clock, late: bool) -> None:
    """After a pause of two seconds, what was late comes at once, and nothing is missing. If it does not come, it is
    missing: the sender was away, whatever its time stamps say."""
    burst = [(3.0, audio())] * 20 if late else []
    stream = make_stream(monkeypatch, clock, [(0, opened()), *live(0, 1), *burst, *live(3, 2)])
    blocks = [block for _, block in read(stream, clock, 20)]
    jumps = [(b.start - a.end) / SAMPLE_RATE for a, b in pairwise(blocks) if b.start != a.end]
    assert jumps == ([] if late else [pytest.approx(2, abs=0.3)])


def test_a_stall(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A server that keeps the connection open but sends nothing is lost; the reason has no secret of the address."""
    stream = make_stream(monkeypatch, clock, [(0, opened()), *live(0, 1)])
    with pytest.raises(SourceError) as caught:
        read(stream, clock, 20)
    assert str(caught.value) == f"rtsp://camera.example:8554: no audio has come for {AUDIO_TIMEOUT_S:g} s"


def test_a_recording_ends(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A recording on a web server is played to its end, once; one in which nothing can be read is an error."""
    messages = [(0.0, opened(paced=True)), (0.0, audio()), (0.0, audio()), (0.0, (MessageType.ENDED, b""))]
    stream = make_stream(monkeypatch, clock, messages)
    read(stream, clock, 2)
    assert stream.read(clock) is None
    with pytest.raises(SourceError, match="nothing in the stream can be read"):
        make_stream(monkeypatch, clock, [(0, (MessageType.ENDED, b""))])


def test_stop_ends_a_wait(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A read returns when it is stopped, also while a block is not due yet."""
    stream = make_stream(monkeypatch, clock, [(0, opened(paced=True)), *[(0.0, audio(5.0))] * 3])
    read(stream, clock, 1)
    stop = threading.Event()
    stop.set()
    assert stream.read(stop) is None


def test_a_server_with_one_client(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The connection with which a stream was tried out is the one that is read: some servers accept no other."""
    stream = make_stream(monkeypatch, clock, [(0, opened()), (0, audio())])
    monkeypatch.setattr(network_stream, "RecorderProcess", lambda **_: pytest.fail("it connects again"))
    probe_source(stream, allow_missing=False, stay_open=True)
    stream.open()
    block = stream.read(clock)
    assert block is not None
    assert len(block.samples) == round(BLOCK_S * SAMPLE_RATE)


def test_samples_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Samples that are no numbers are taken out and counted, also after the format has changed."""
    bad = audio(value=np.nan)
    stereo = MessageType.OPENED, json.dumps({"rate": SAMPLE_RATE, "channels": 2, "paced": False}).encode()
    stream = make_stream(monkeypatch, clock, [(0, opened()), (0.1, bad), (0.2, stereo), (0.3, bad), *live(0.3, 3)])
    samples = np.concatenate([block.samples for _, block in read(stream, clock, 10)])
    assert np.isfinite(samples).all()
    assert stream.bad_samples == 2 * round(BLOCK_S * SAMPLE_RATE)
