"""Recordings that are damaged, whose lengths were never filled in, or that hold several streams."""

import errno
import os
import re
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.recording import open_recording
from streamstt.audio.recording_file import RecordingFile
from streamstt.errors import SourceError
from tests.support.recordings import LENGTH, correlation, encode, noise, read, spans, sweep


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


LOSSY = [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"), ("OGG", "VORBIS")]


@pytest.mark.parametrize("size", [1, 300, 2000])
@pytest.mark.parametrize("at", [0.2, 0.4, 0.6])
@pytest.mark.parametrize(("kind", "subtype"), LOSSY)
def test_damage_in_compressed_audio(tmp_path: Path, kind: str, subtype: str, at: float, size: int) -> None:
    """What is before and behind damage keeps its time, however much there is; damage is said where it is."""
    data = encode(kind, subtype, noise())
    begin = round(len(data) * at)
    data[begin : begin + size] = bytes(byte ^ 0x5A for byte in data[begin : begin + size])
    sound, problem = read(tmp_path / "a", data)
    assert abs(len(sound) - LENGTH) < SAMPLE_RATE / 5
    if kind == "MP3" and size == 1:  # a click
        return
    ((start, end),) = spans(problem)
    assert end is not None
    assert start - 0.3 <= LENGTH / SAMPLE_RATE * at <= end + 1
    assert end - start < 2.2 + size / len(data) * LENGTH / SAMPLE_RATE
    assert correlation(sound, start - 0.7) > 0.6
    assert correlation(sound, end + 0.2) > 0.6


@pytest.mark.parametrize(("kind", "subtype"), LOSSY)
def test_bytes_that_are_missing(tmp_path: Path, kind: str, subtype: str) -> None:
    """What follows bytes that were lost keeps its time."""
    data = encode(kind, subtype, noise())
    begin = len(data) // 2
    del data[begin : begin + 3000]
    sound, problem = read(tmp_path / "a", data)
    ((start, end),) = spans(problem)
    assert end is not None
    assert start == pytest.approx(4, abs=1.2)
    assert correlation(sound, end + 0.2) > 0.6


def test_damage_in_many_places(tmp_path: Path) -> None:
    """Each is said, up to five of them; the rest are counted."""
    data = encode("OGG", "OPUS", np.tile(noise(), 3))
    for share in (0.1, 0.22, 0.35, 0.5, 0.63, 0.76, 0.9):
        data[round(share * len(data))] ^= 255
    _, problem = read(tmp_path / "a", data)
    assert len(spans(problem)) == 5
    assert "and in 2 more places" in problem


CUT = [*LOSSY, ("FLAC", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16")]


@pytest.mark.parametrize("share", [0.33, 0.5, 0.9])
@pytest.mark.parametrize(("kind", "subtype"), [*CUT, ("RF64", "PCM_16"), ("WAV", "PCM_16"), ("WAV", "FLOAT")])
def test_cut_off(tmp_path: Path, kind: str, subtype: str, share: float) -> None:
    """A file that ends too early is read to there, and says where it ends."""
    data = encode(kind, subtype, noise())
    sound, problem = read(tmp_path / "a", data[: round(len(data) * share)])
    assert LENGTH * (share - 0.25) < len(sound) < LENGTH * (share + 0.25)
    ((start, end),) = spans(problem)
    assert end is None
    assert start == pytest.approx(len(sound) / SAMPLE_RATE, abs=0.1)


def test_a_whole_file_is_not_damaged(tmp_path: Path) -> None:
    """No format is called damaged that is whole."""
    kinds = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    for kind, subtype in [*kinds, ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16")]:
        sound, problem = read(tmp_path / "a", encode(kind, subtype))
        assert (abs(len(sound) - LENGTH) < 2000, problem) == (True, ""), kind


@pytest.mark.parametrize(
    ("riff", "length"),
    [(0, 0), (36, 0), (2**32 - 1, 0), (2**32 - 1, 2**32 - 1), (2**31 - 1, 2**31 - 37), (2**31 + 36, 2**31), (9, 8)],
)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW", "FLOAT"])
def test_wav_from_a_pipe(tmp_path: Path, riff: int, length: int, subtype: str) -> None:
    """Lengths that ffmpeg, sox, arecord and others leave in a header do not matter: all of it is heard."""
    data = encode("WAV", subtype)
    at = data.find(b"data")
    data[4:8], data[at + 4 : at + 8] = struct.pack("<I", riff), struct.pack("<I", length)
    sound, problem = read(tmp_path / "a.wav", data)
    assert (len(sound), problem) == (LENGTH, "")
    np.testing.assert_allclose(sound, sweep(), atol=0.02 if subtype == "ULAW" else 1e-4)


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


@pytest.mark.parametrize(("kind", "subtype"), [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")])
def test_files_one_after_the_other(tmp_path: Path, kind: str, subtype: str) -> None:
    """So it is with other files that were joined."""
    sound, problem = read(tmp_path / "a", encode(kind, subtype) + encode(kind, subtype))
    assert (abs(len(sound) - 2 * LENGTH) < 3000, problem) == (True, "")
    assert np.abs(sound[-8000:]).max() > 0.2


def test_a_stream_whose_start_is_lost(tmp_path: Path) -> None:
    """It cannot be read, which is said; the streams before and behind it are heard."""
    streams = [encode("OGG", "OPUS", noise()) for _ in range(3)]
    streams[1][:200] = bytes(200)
    sound, problem = read(tmp_path / "a", b"".join(streams))
    ((start, end),) = spans(problem)
    assert (start, end) == pytest.approx((8, 16), abs=1)
    assert correlation(sound, 5) > 0.6
    assert correlation(sound[round(end * SAMPLE_RATE) if end else 0 :], 5) > 0.6


def test_a_broadcast_that_was_joined_late(tmp_path: Path) -> None:
    """A stream whose clock starts anywhere has lost nothing."""
    data = encode("OGG", "OPUS", noise())
    pages = [match.start() for match in re.finditer(b"OggS", data)]
    sound, problem = read(tmp_path / "a", data[: pages[2]] + data[pages[5] :])
    assert (len(sound) < LENGTH - 2 * SAMPLE_RATE, problem) == (True, "")


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_many_impossible_samples(tmp_path: Path, bad: float) -> None:
    """Between them the rest is heard; where there is nothing but them, it is said."""
    broken = sweep()
    broken[::50] = bad
    sound, problem = read(tmp_path / "a.wav", encode("WAV", "FLOAT", broken))
    assert (np.abs(sound).max() <= 0.31, problem) == (True, "")
    broken[2 * SAMPLE_RATE : 5 * SAMPLE_RATE] = bad
    sound, problem = read(tmp_path / "a.wav", encode("WAV", "FLOAT", broken), 0.02)
    assert spans(problem) == [(2, 5)]
    np.testing.assert_allclose(sound[5 * SAMPLE_RATE + 1 :: 50], sweep()[5 * SAMPLE_RATE + 1 :: 50], atol=1e-6)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"some text " * 100, "is not audio that can be read; formats: "),
        (bytes(2000), "is not audio that can be read; formats: "),
        (b"OggS", "is not audio that can be read; formats: "),
        (b"ID3\x04" + bytes(6), "is not audio that can be read; formats: "),
        (bytes(encode("WAV", "PCM_16")[:44]), "contains no audio"),
        (bytes(encode("WAV", "PCM_16")[:20]), "is damaged where it begins, so nothing of it can be read"),
        (bytes(encode("OGG", "VORBIS")[:1000]), "contains no audio"),
        (bytes(encode("FLAC", "PCM_16")[:100]), "is damaged, and nothing of it can be read"),
    ],
    ids=["empty", "text", "zeros", "ogg", "mp3", "only-a-header", "half-a-header", "half-headers", "flac"],
)
def test_files_without_audio(tmp_path: Path, data: bytes, sentence: str) -> None:
    """Each has its sentence, which names the file and nothing inside this program."""
    with pytest.raises(SourceError, match=re.escape(sentence)) as caught:
        read(tmp_path / "a.file", data)
    assert str(caught.value).startswith(str(tmp_path / "a.file"))
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("rate", [1, 999, 1_000_000, 2**31 - 1])
def test_an_impossible_rate(tmp_path: Path, rate: int) -> None:
    """It is refused: a few bytes must not take hours, or all memory."""
    data = encode("WAV", "PCM_16")
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(SourceError, match=f"a rate of {rate} Hz"):
        read(tmp_path / "a.wav", data)


@pytest.mark.parametrize(("data", "sentence"), [(b"", "is empty"), (bytes(2000), "is not audio that can be read")])
def test_pipes_without_audio(tmp_path: Path, data: bytes, sentence: str) -> None:
    """A pipe is empty if nothing has come from it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(data,)).start()
    with pytest.raises(SourceError, match=sentence):
        open_recording(pipe)


def test_a_file_that_is_deleted(tmp_path: Path) -> None:
    """What is open is read to its end, also behind damage and in the next stream."""
    data = encode("FLAC", "PCM_16", noise())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path = tmp_path / "a"
    path.write_bytes(data + encode("FLAC", "PCM_16", noise()))
    file = RecordingFile(path)
    path.unlink()
    total = 0
    while audio := file.read(1.0):
        total += len(audio[0])
    assert total == 2 * LENGTH
    assert len(spans(file.damage)) == 1


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no end of the recording: a sentence says where, and why."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode("WAV", "PCM_16"))
    file = RecordingFile(path)
    file.read(3.0)

    def fail(*_: object) -> bytearray:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("streamstt.audio.file_extents.ExtentReader._read_disk", fail)
    with pytest.raises(SourceError, match=r"a\.wav cannot be read from 3\.\d s on: Input/output error"):
        file.read(3.0)


ENCODED = [encode(kind, subtype, noise()[: 2 * SAMPLE_RATE]) for kind, subtype in CUT]


@settings(deadline=None, max_examples=60)
@given(
    format_index=st.integers(0, len(CUT) - 1),
    holes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3000), st.binary(min_size=1, max_size=8)), max_size=4),
    end=st.floats(0.01, 1),
)
def test_any_damage(
    tmp_path_factory: pytest.TempPathFactory,
    format_index: int,
    holes: list[tuple[float, int, bytes]],
    end: float,
) -> None:
    """Whatever happened to a file: finite samples, not much more than there were, or a sentence."""
    data = bytearray(ENCODED[format_index])
    for share, size, filling in holes:
        begin = round(share * len(data))
        data[begin : begin + size] = (filling * size)[: min(size, len(data) - begin)]
    try:
        sound, _ = read(tmp_path_factory.mktemp("any") / "a", data[: round(len(data) * end)])
    except SourceError:
        return
    assert np.isfinite(sound).all()
