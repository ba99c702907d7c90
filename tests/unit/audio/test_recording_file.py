"""Recordings that are damaged, whose lengths were never filled in, or that hold several streams."""

import io
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.sources import AudioFile
from streamstt.errors import SourceError

LENGTH = 8 * SAMPLE_RATE


def sweep(length: int = LENGTH) -> Samples:
    t = np.arange(length) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * (100 * t + 60 * t * t))).astype(np.float32)


def encode(kind: str, subtype: str, sound: Samples | None = None, rate: int = SAMPLE_RATE) -> bytearray:
    buffer = io.BytesIO()
    soundfile.write(buffer, sweep() if sound is None else sound, rate, format=kind, subtype=subtype)
    return bytearray(buffer.getvalue())


def read(path: Path, data: bytes, block_s: float = 1.0) -> tuple[Samples, str]:
    """Reads all of a file, and returns the problem that it ends with."""
    path.write_bytes(data)
    source = AudioFile(path, fast=True, block_s=block_s)
    source.open()
    pieces, problem = [np.zeros(0, np.float32)], ""
    try:
        while block := source.read(threading.Event()):
            pieces.append(block.samples)
    except SourceError as error:
        problem = str(error)
    finally:
        source.close()
    return np.concatenate(pieces), problem


@pytest.mark.parametrize("block_s", [0.02, 4.0])
@pytest.mark.parametrize("at", [0.3, 0.7])
def test_damage_in_the_middle(tmp_path: Path, at: float, block_s: float) -> None:
    """What is before and behind the damage is read, at its time; the damage is silence, and is said with its time."""
    data = encode("FLAC", "PCM_16")
    begin = round(len(data) * at)
    data[begin : begin + 3000] = bytes(3000)
    sound, problem = read(tmp_path / "a.flac", data, block_s)
    assert abs(len(sound) - LENGTH) < SAMPLE_RATE
    good = round(LENGTH * at) - SAMPLE_RATE
    np.testing.assert_allclose(sound[:good], sweep()[:good], atol=1e-4)
    assert np.abs(sound[-SAMPLE_RATE:]).max() > 0.2
    assert "a.flac is damaged from " in problem
    start = float(problem.split("from ")[1].split(" s")[0])
    assert start == pytest.approx(LENGTH * at / SAMPLE_RATE, abs=1)


@pytest.mark.parametrize(("kind", "subtype"), [("FLAC", "PCM_16"), ("WAV", "PCM_16"), ("WAV", "FLOAT")])
def test_cut_off(tmp_path: Path, kind: str, subtype: str) -> None:
    """A file that ends too early is read to there, and says where it ends."""
    data = encode(kind, subtype)
    sound, problem = read(tmp_path / "a", data[: len(data) // 2])
    assert LENGTH * 0.4 < len(sound) < LENGTH * 0.6
    assert "to its end" in problem


def test_a_whole_file_is_not_damaged(tmp_path: Path) -> None:
    """No format is called damaged that is whole."""
    kinds = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    for kind, subtype in [*kinds, ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")]:
        sound, problem = read(tmp_path / "a", encode(kind, subtype))
        assert (abs(len(sound) - LENGTH) < 2000, problem) == (True, ""), kind


@pytest.mark.parametrize(
    ("riff", "length"),
    [(0, 0), (36, 0), (2**32 - 1, 0), (2**32 - 1, 2**32 - 1), (2**31 - 1, 2**31 - 37), (2**31 + 36, 2**31)],
)
def test_wav_from_a_pipe(tmp_path: Path, riff: int, length: int) -> None:
    """Lengths that ffmpeg, sox, arecord and others leave in a header do not matter: all of it is heard."""
    data = encode("WAV", "PCM_16")
    at = data.find(b"data")
    data[4:8], data[at + 4 : at + 8] = struct.pack("<I", riff), struct.pack("<I", length)
    sound, problem = read(tmp_path / "a.wav", data)
    assert (len(sound), problem) == (LENGTH, "")
    np.testing.assert_allclose(sound, sweep(), atol=1e-4)


def test_other_formats_from_a_pipe(tmp_path: Path) -> None:
    """So it is with RF64, CAF, AU and FLAC."""
    rf64, caf, au, flac = (
        encode("RF64", "PCM_16"),
        encode("CAF", "PCM_16"),
        encode("AU", "PCM_16"),
        encode("FLAC", "PCM_16"),
    )
    ones = bytearray(rf64)
    rf64[20:44], ones[20:44] = bytes(24), b"\xff" * 24
    at = caf.find(b"data")
    caf[at + 4 : at + 12] = b"\xff" * 8
    au[8:12] = bytes(4)
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    for name, data in {"rf64": rf64, "ones": ones, "caf": caf, "au": au, "flac": flac}.items():
        sound, problem = read(tmp_path / name, data)
        assert (abs(len(sound) - LENGTH) <= 2, problem) == (True, ""), name


def test_an_empty_wav(tmp_path: Path) -> None:
    """A WAV without audio stays one, also with tags behind the audio that is not there."""
    data = encode("WAV", "PCM_16", np.zeros(0, np.float32))
    with pytest.raises(SourceError, match="contains no audio"):
        read(tmp_path / "a.wav", data + b"LIST\x04\x00\x00\x00INFO")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_streams_one_after_the_other(tmp_path: Path, subtype: str) -> None:
    """Of a chained Ogg all streams are heard, also with other rates and channels."""
    stereo = np.stack([sweep(), sweep()], axis=1)
    data = encode("OGG", subtype) + encode("OGG", subtype, stereo, 48000 if subtype == "OPUS" else 32000)
    sound, problem = read(tmp_path / "a.ogg", data)
    expected = LENGTH + LENGTH // (3 if subtype == "OPUS" else 2)
    assert (abs(len(sound) - expected) < 2000, problem) == (True, "")
    assert np.abs(sound[-8000:]).max() > 0.2


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_float_samples_of_integer_scale(tmp_path: Path, bits: int) -> None:
    """Float samples that are numbers of integers are brought to full scale 1."""
    sound, _ = read(tmp_path / "a.wav", encode("WAV", "DOUBLE", sweep() * 2 ** (bits - 1)))
    assert 0.2 < np.abs(sound).max() <= 1


def test_float_samples_over_full_scale(tmp_path: Path) -> None:
    """A float recording that is too loud in places is left as it is."""
    loud = sweep() * 4
    loud[SAMPLE_RATE // 100 :] /= 4
    sound, _ = read(tmp_path / "a.wav", encode("WAV", "FLOAT", loud))
    np.testing.assert_allclose(sound, loud, atol=1e-6)


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_impossible_samples(tmp_path: Path, bad: float, rate: int) -> None:
    """One sample that is no number is a click at most: the resampler does not carry it on."""
    broken = sweep()
    broken[40_000] = bad
    sound, problem = read(tmp_path / "a.wav", encode("WAV", "FLOAT", broken, rate))
    clean, _ = read(tmp_path / "b.wav", encode("WAV", "FLOAT", sweep(), rate))
    assert np.isfinite(sound).all()
    assert np.flatnonzero(np.abs(sound - clean) > 0.01).size < 800
    assert problem == ""
