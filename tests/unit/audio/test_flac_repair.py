"""FLAC files whose header is damaged: the frames tell what it said."""

import struct
from pathlib import Path

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE, Samples
from tests.support.recordings import LENGTH, encode, noise, read, spans

FLAC = encode("FLAC", "PCM_16", noise())
WHOLE = noise()[:LENGTH]


def is_whole(sound: Samples) -> bool:
    return len(sound) == LENGTH and bool(np.allclose(sound, WHOLE, atol=1e-3))


@pytest.mark.parametrize(("at", "flip"), [(at, 0xFF) for at in range(48)] + [(at, 1) for at in (7, 20, 21, 25, 42)])
def test_a_byte_of_the_header(tmp_path: Path, at: int, flip: int) -> None:
    """Whichever is wrong, all is heard, and nothing is called damaged."""
    data = bytearray(FLAC)
    data[at] ^= flip
    sound, problem = read(tmp_path / "a", data)
    assert is_whole(sound)
    assert problem == ""


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_no_header(tmp_path: Path, subtype: str, channels: int) -> None:
    """Without its first bytes a recording begins with the first frame that there is room before, at its time."""
    sound = np.repeat(noise()[:, None], channels, axis=1)
    data = encode("FLAC", subtype, sound, 44_100)
    for broken in (data[3000:], bytes(1000) + data[1000:]):
        heard, problem = read(tmp_path / "a", broken)
        assert abs(len(heard) / SAMPLE_RATE - LENGTH / 44_100) < 0.01
        ((start, end),) = spans(problem)
        assert start == 0
        assert end < 2
        assert not heard[: round(end * SAMPLE_RATE) - 1600].any()
        assert np.abs(heard[round(end * SAMPLE_RATE) + 1600 :]).max() > 0.1


def test_a_length_that_is_too_short(tmp_path: Path) -> None:
    """All frames are heard."""
    data = bytearray(FLAC)
    (told,) = struct.unpack(">Q", data[18:26])
    data[18:26] = struct.pack(">Q", told - LENGTH // 2)
    assert is_whole(read(tmp_path / "a", data)[0])
