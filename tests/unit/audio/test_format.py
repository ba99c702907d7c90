"""Conversion of audio to 16 kHz mono float32."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import (
    SAMPLE_RATE,
    Block,
    Resampler,
    Samples,
    from_s16le,
    samples_from_ms,
    seconds_from_samples,
    to_s16le,
)
from tests.support.drawing import PROPERTY


def tone(rate: int, hertz: float = 440, length_s: float = 0.5) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * length_s)) / rate)).astype(np.float32)


def test_every_s16le_value_survives() -> None:
    """Decoding and encoding preserve every 16-bit value."""
    data = np.arange(-32768, 32768).astype("<i2").tobytes()
    samples = from_s16le(data)
    assert samples.dtype == np.float32
    assert (samples.min(), samples.max()) == (-1, 32767 / 32768)
    assert to_s16le(samples) == data


def test_little_endian() -> None:
    """The low byte comes first."""
    assert from_s16le(b"\x00\x40\x00\xc0").tolist() == [0.5, -0.5]


def test_half_a_sample() -> None:
    """An odd number of bytes is an error that states the number."""
    with pytest.raises(ValueError, match="3 bytes"):
        from_s16le(b"abc")


def test_clipping() -> None:
    """Values beyond full scale are clipped and do not wrap around."""
    loud = np.array([2, -2, 1, -1], dtype=np.float32)
    assert np.frombuffer(to_s16le(loud), "<i2").tolist() == [32767, -32768, 32767, -32768]


def test_units() -> None:
    """Times are converted to samples, and back to seconds rounded to the millisecond."""
    assert (samples_from_ms(20), samples_from_ms(0.5), seconds_from_samples(320), seconds_from_samples(5)) == (
        320,
        8,
        0.02,
        0.0,
    )
    assert Block(100, np.zeros(20, dtype=np.float32)).end == 120


@PROPERTY
@given(st.sampled_from([8000, 44100, 48000]), st.lists(st.integers(0, 3000), min_size=1, max_size=8))
def test_pieces_equal_whole(rate: int, sizes: list[int]) -> None:
    """A stream resampled piece by piece equals the stream resampled at once."""
    sound = tone(rate)
    whole = Resampler(rate).push(sound, last=True)
    resampler = Resampler(rate)
    edges = [0, *np.cumsum(sizes).clip(max=len(sound)).tolist(), len(sound)]
    pieces = [resampler.push(sound[a:b]) for a, b in pairwise(edges)]
    joined = np.concatenate([*pieces, resampler.push(sound[:0], last=True)])
    assert joined.dtype == np.float32
    np.testing.assert_allclose(joined, whole, atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_resampled_is_the_same_sound(rate: int) -> None:
    """A tone keeps its pitch, its level and its length."""
    out = Resampler(rate).push(tone(rate), last=True)
    assert abs(len(out) - SAMPLE_RATE // 2) <= 1
    middle = slice(1000, 7000)
    np.testing.assert_allclose(out[middle], tone(SAMPLE_RATE)[middle], atol=0.01)


def test_resampler_passes_16_khz() -> None:
    """Audio that is at 16 kHz already is not changed."""
    sound = tone(SAMPLE_RATE)
    assert Resampler(SAMPLE_RATE).push(sound, last=True).tolist() == sound.tolist()
