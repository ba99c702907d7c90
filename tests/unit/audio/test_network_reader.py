"""What the reader of a live stream finds missing, and the samples that it sends."""

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest
from av import AudioFrame

from streamstt.audio import network_reader
from streamstt.audio.media_frames import float_samples
from streamstt.audio.network_reader import _describe, _Timeline

RATE = 48_000
FRAME = 960  # samples: 20 ms


class Clock:
    """A clock that is moved by hand."""

    now = 50.0

    def monotonic(self) -> float:
        return self.now


def frame_at(time_s: float | None) -> AudioFrame:
    frame = AudioFrame(format="flt", layout="mono", samples=FRAME)
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    frame.pts = None if time_s is None else round(time_s * RATE)
    return frame


@pytest.mark.parametrize(
    ("jump_s", "waited_s", "missing_s"),
    [
        pytest.param(0.0, 0.02, 0.0, id="nothing"),
        pytest.param(0.03, 0.02, 0.0, id="rounding"),
        pytest.param(0.2, 0.02, 0.2, id="packets lost"),
        pytest.param(3.0, 3.1, 3.0, id="an outage in the network"),
        pytest.param(3600.0, 0.02, 0.0, id="the sender plays something else"),
        pytest.param(-3600.0, 5.0, 0.0, id="the sender has started again"),
    ],
)
def test_time_stamps(monkeypatch: pytest.MonkeyPatch, jump_s: float, waited_s: float, missing_s: float) -> None:
    """A jump of the time stamps is missing audio if this much time has passed; afterwards, they count on."""
    clock = Clock()
    monkeypatch.setattr(network_reader, "time", clock)
    timeline, start_s = _Timeline(), 7.0
    for i in range(100):
        clock.now += waited_s if i == 50 else 0.02
        start_s += jump_s if i == 50 else 0.0
        expected = pytest.approx(missing_s, abs=0.001) if i == 50 else 0.0
        assert timeline.missing_s(frame_at(start_s + i * FRAME / RATE)) == expected


def test_time_stamps_that_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the samples do not fill the time that the stamps tell, that is made up for in small pieces."""
    clock = Clock()
    monkeypatch.setattr(network_reader, "time", clock)
    timeline, missing_s = _Timeline(), 0.0
    for i in range(50_000):
        clock.now += 0.02
        missing_s += timeline.missing_s(frame_at(i * FRAME / RATE * 1.0002))
    assert missing_s == pytest.approx(50_000 * 0.02 * 0.0002, abs=0.06)


def test_no_time_stamps() -> None:
    """Without time stamps nothing is missing."""
    timeline = _Timeline()
    assert [timeline.missing_s(frame_at(time_s)) for time_s in (None, 1.0, None, 5.0)] == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("u8", np.array([[128, 255, 0, 64]], np.uint8)),
        ("s16", np.array([[0, 32767, -32768, -16384]], np.int16)),
        ("s32", np.array([[0, 2**31 - 1, -(2**31), -(2**30)]], np.int32)),
        ("flt", np.array([[0, 1, -1, -0.5]], np.float32)),
        ("dbl", np.array([[0, 1, -1, -0.5]], np.float64)),
    ],
)
@pytest.mark.parametrize("planar", [False, True])
def test_samples(name: str, values: npt.NDArray[np.generic], planar: bool) -> None:
    """Any sample format becomes interleaved float32, full scale 1."""
    planes = values.reshape(2, 2).T if planar else values
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(planes), f"{name}p" if planar else name, "stereo")
    assert float_samples(frame).ravel().tolist() == pytest.approx([0, 1, -1, -0.5], abs=0.01)


@pytest.mark.parametrize("code", [5, 110, 104, 1094995529, 999999])
def test_errors_do_not_name_the_address(code: int) -> None:
    """Whatever FFmpeg says, the sentence for people has no address."""
    with pytest.raises(av.FFmpegError, match="swordfish") as caught:
        av.error.err_check(-code, "rtsp://me:swordfish@host/key")
    assert "swordfish" not in _describe(caught.value, "http")
    assert _describe(caught.value, "http")
