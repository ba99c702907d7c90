"""How loud a source is, for those who ask."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamstt.audio.level import LevelMeter
from streamstt.hub.levels import LevelMessage, Levels
from streamstt.hub.subscription import Subscription
from streamstt.server.requests import wants_levels
from tests.support.captions import final, make_hub

NOISE = np.random.default_rng(7).normal(0, 0.05, 32_000).astype(np.float32)


def decibels(value: float) -> float:
    return 20 * float(np.log10(value))


def blocks(samples: NDArray[np.float32], size: int) -> list[NDArray[np.float32]]:
    return [samples[i : i + size] for i in range(0, len(samples), size)]


@pytest.mark.parametrize("size", [1, 320, 640, 32_000])
def test_level_is_that_of_all_audio(size: int) -> None:
    """However the audio is cut, RMS and peak are those of the whole, to a tenth of a decibel."""
    samples = NOISE[:2000] if size == 1 else NOISE
    gauge = LevelMeter()
    for block in blocks(samples, size):
        gauge.push(block)
    loud = gauge.read()
    whole = samples.astype(np.float64)
    assert loud.rms == pytest.approx(decibels(float(np.sqrt(np.mean(whole**2)))), abs=0.051)
    assert loud.peak == pytest.approx(decibels(float(np.abs(whole).max())), abs=0.051)


@pytest.mark.parametrize(
    ("samples", "rms", "peak"),
    [([], -100, -100), ([0.0] * 320, -100, -100), ([-1.0] * 320, 0, 0), ([0.0, -0.1], -23, -20), ([1.2], 0, 0)],
)
def test_bounds(samples: list[float], rms: float, peak: float) -> None:
    """Nothing and silence are -100 dB, full scale is 0, whatever its sign, and nothing is above it."""
    gauge = LevelMeter()
    gauge.push(np.array(samples, np.float32))
    loud = gauge.read()
    assert (loud.rms, loud.peak) == (pytest.approx(rms, abs=0.06), pytest.approx(peak, abs=0.06))


def test_each_level_is_of_new_audio() -> None:
    """What was loud before the last level does not count again."""
    gauge = LevelMeter()
    gauge.push(np.full(320, 0.5, np.float32))
    assert gauge.read().peak == pytest.approx(-6)
    gauge.push(np.full(320, 0.01, np.float32))
    assert gauge.read().peak == pytest.approx(-40)


def test_five_a_second() -> None:
    """Of each source come five levels a second, in the form of the protocol, without a number."""
    levels = Levels()
    taken: list[LevelMessage] = []
    with levels.subscribe(taken.append):
        for i, block in enumerate(blocks(NOISE, 320)):  # 2 s
            for source in ("desk", "door"):
                levels.measure(source, block, 0.02 * i)
    assert [sum(level.source == name for level in taken) for name in ("desk", "door")] == [9, 9]
    message = of_frame(taken[0].frame)
    assert message == {"type": "level", "source": "desk", "rms": taken[0].rms, "peak": taken[0].peak}
    assert -27 < taken[0].rms < -25


def test_nobody_asks() -> None:
    """Without a watcher nothing is measured, and a watcher that comes later sees nothing of before."""
    levels = Levels()
    levels.measure("desk", np.ones(320, np.float32), 0.0)
    taken: list[LevelMessage] = []
    with levels.subscribe(taken.append):
        levels.measure("desk", np.zeros(320, np.float32), 1.0)
        levels.measure("desk", np.zeros(320, np.float32), 2.0)
    levels.measure("desk", np.zeros(320, np.float32), 3.0)
    assert [level.peak for level in taken] == [-100]


def test_level_never_waits() -> None:
    """It goes to a client that has all its messages and takes it, and is lost otherwise: nothing else is delayed."""
    sent: list[bytes] = []
    subscription = Subscription(10)
    subscription.put_private("hello")
    subscription.set_direct_writer(lambda frame: bool(sent.append(frame)) or True)
    subscription.send_ephemeral(b"too early")
    assert sent == []
    assert subscription._pending == {-1: "hello"}
    free = Subscription(10)
    free.set_direct_writer(lambda frame: bool(sent.append(frame)) or True)
    free.send_ephemeral(b"level")
    free.finish()
    free.send_ephemeral(b"too late")
    assert sent == [b"level"]


def test_level_is_no_event() -> None:
    """Levels leave numbers and history as they were."""
    hub = make_hub()
    hub.publish(final("one"))
    with hub.levels.subscribe(lambda _: None):
        for now in range(5):
            hub.levels.measure("mic", NOISE[:320], float(now))
    assert (hub.seq, len(hub.finals)) == (1, 1)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [("/captions", False), ("/captions?levels=1", True), ("/captions?since=3&levels=1", True), ("/?levels=0", False)],
)
def test_asking(target: str, wanted: bool) -> None:
    """``levels=1`` in the address asks for them; nothing else does."""
    assert wants_levels(target) is wanted


def of_frame(frame: bytes) -> Any:
    """The JSON of a short text frame of a server (RFC 6455, 5.2)."""
    first, size = struct.unpack_from("!BB", frame)
    assert (first, size) == (0x81, len(frame) - 2)
    return json.loads(frame[2:])
