"""Files and standard input, with real files and pipes."""

import io
import os
import queue
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.audio.devices.microphone import Microphone
from streamstt.audio.format import SAMPLE_RATE, Samples, to_s16le
from streamstt.audio.sources import AudioFile, AudioSource, StandardInput, make_source
from streamstt.config.settings import SourceSettings
from streamstt.errors import SourceError
from tests.support.media import RATE, Track, write_media

NOT_STOPPED = threading.Event()


def tone(rate: int, length_s: float = 0.5) -> Samples:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * length_s)) / rate)).astype(np.float32)


def read_all(source: AudioSource, max_blocks: int = 10_000) -> Samples:
    """Reads all audio of a source, whose blocks must follow each other without a gap."""
    pieces: list[Samples] = []
    end = 0
    while (block := source.read(NOT_STOPPED)) is not None and len(pieces) < max_blocks:
        assert block.start == end
        end = block.end
        pieces.append(block.samples)
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)


def opened(path: Path, *, loop: bool = False) -> AudioFile:
    source = AudioFile(path, fast=True, loop=loop)
    source.open()
    return source


# ---- files


@pytest.mark.parametrize("length", [16000, 16001, 319, 320, 1])
def test_file(tmp_path: Path, length: int) -> None:
    """A file at 16 kHz is read sample for sample, in blocks of 20 ms."""
    sound = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, "FLOAT")
    source = opened(tmp_path / "a.wav")
    assert source.duration_s == length / SAMPLE_RATE
    first = source.read(NOT_STOPPED)
    assert first
    assert len(first.samples) == min(320, length)
    source.close()
    assert read_all(opened(tmp_path / "a.wav")).tolist() == sound.tolist()


def test_another_format(tmp_path: Path) -> None:
    """Stereo at 44.1 kHz is mixed down and resampled: the same tone, the same length."""
    left = tone(44100)
    soundfile.write(tmp_path / "a.flac", np.stack([left, np.zeros_like(left)], axis=1), 44100)
    sound = read_all(opened(tmp_path / "a.flac"))
    assert abs(len(sound) - SAMPLE_RATE // 2) <= 1
    np.testing.assert_allclose(sound[1000:7000], tone(SAMPLE_RATE)[1000:7000] / 2, atol=0.01)


def test_loop(tmp_path: Path) -> None:
    """A file that loops begins again at its end, without a gap or a pause."""
    sound = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, "FLOAT")
    source = opened(tmp_path / "a.wav", loop=True)
    looped = read_all(source, 20)
    assert len(looped) > 4000
    assert looped.tolist() == np.resize(sound, len(looped)).tolist()


def test_after_the_end(tmp_path: Path) -> None:
    """A file stays at its end, may be closed twice, and begins again when it is opened again."""
    soundfile.write(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE)
    source = opened(tmp_path / "a.wav")
    whole = len(read_all(source))
    assert source.read(NOT_STOPPED) is None
    source.close()
    source.close()
    source.open()
    assert len(read_all(source)) == whole


def test_stopped(tmp_path: Path) -> None:
    """After a stop a file delivers nothing more, and one in real time does not wait."""
    soundfile.write(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE)
    stop = threading.Event()
    stop.set()
    source = AudioFile(tmp_path / "a.wav")
    source.open()
    assert source.read(stop) is None
    source.close()


def test_files_are_not_live(tmp_path: Path) -> None:
    """Audio of a file or of standard input waits until it is read; a microphone's does not."""
    assert not AudioFile(tmp_path).is_live
    assert not StandardInput(16000).is_live
    assert Microphone("").is_live


def test_no_file(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(SourceError, match=r"there is no file .*gone\.wav"):
        opened(tmp_path / "gone.wav")


def test_not_audio(tmp_path: Path) -> None:
    """A file that is not audio is named, with the formats that can be read; so is a folder."""
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(SourceError, match=r"a\.wav is not audio.*flac.*ogg.*wav"):
        opened(tmp_path / "a.wav")
    with pytest.raises(SourceError, match="is a folder; name a recording in it"):
        opened(tmp_path)


def test_damaged_file(tmp_path: Path) -> None:
    """A file that is damaged in the middle gives an error or its beginning; nothing else is raised."""
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 200_000), SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) // 4)
    path.write_bytes(data)
    source = opened(path)
    try:
        assert 0 < len(read_all(source)) <= 200_000
    except SourceError as error:
        assert "a.flac" in str(error)  # noqa: PT017 - either outcome is valid
    finally:
        source.close()


# ---- standard input


@pytest.fixture
def standard_input() -> Iterator[Callable[[bytes], None]]:
    """A pipe in place of standard input: a function that writes to it, and ends it if there is nothing to write."""
    kept = os.dup(0)
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    os.close(reader)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def write() -> None:  # more than a pipe holds, if need be
        with suppress(BrokenPipeError), open(writer, "wb", buffering=0) as pipe:
            while data := waiting.get():
                while data := data[pipe.write(data) :]:
                    pass

    thread = threading.Thread(target=write)
    thread.start()
    yield waiting.put
    os.dup2(kept, 0)  # a write that waits ends
    os.close(kept)
    waiting.put(b"")
    thread.join()


def test_standard_input(standard_input: Callable[[bytes], None]) -> None:
    """Audio is read as it is written, whole samples only, until the writer ends."""
    sound = tone(SAMPLE_RATE)
    data = to_s16le(sound)
    source = StandardInput(SAMPLE_RATE)
    source.open()
    standard_input(data[:101])
    first = source.read(NOT_STOPPED)
    assert first
    assert (first.start, len(first.samples)) == (0, 50)
    standard_input(data[101:1000])
    second = source.read(NOT_STOPPED)
    assert second
    assert (second.start, len(second.samples)) == (50, 450)
    standard_input(data[1000:])
    standard_input(b"")
    rest = list(iter(lambda: source.read(NOT_STOPPED), None))
    joined = np.concatenate([first.samples, second.samples, *(b.samples for b in rest)])
    np.testing.assert_allclose(joined, sound, atol=1 / 32768)
    assert source.read(NOT_STOPPED) is None
    source.close()
    source.close()


def test_standard_input_is_resampled(standard_input: Callable[[bytes], None]) -> None:
    """Raw audio at another rate keeps its length and its sound, to the last sample."""
    source = StandardInput(8000)
    source.open()
    standard_input(to_s16le(tone(8000)))
    standard_input(b"")
    sound = read_all(source)
    assert abs(len(sound) - SAMPLE_RATE // 2) <= 1
    np.testing.assert_allclose(sound[1000:7000], tone(SAMPLE_RATE)[1000:7000], atol=0.01)


def test_half_a_sample_at_the_end(standard_input: Callable[[bytes], None]) -> None:
    """If the writer dies in the middle of a sample, only that sample is lost."""
    source = StandardInput(SAMPLE_RATE)
    source.open()
    standard_input(b"\x00\x40\x00")
    standard_input(b"")
    assert read_all(source).tolist() == [0.5]


def test_standard_input_stops(standard_input: Callable[[bytes], None]) -> None:
    """After a stop it does not wait for a writer that writes nothing."""
    source = StandardInput(SAMPLE_RATE)
    source.open()
    stop = threading.Event()
    stop.set()
    assert source.read(stop) is None


def test_standard_input_cannot_be_read(standard_input: Callable[[bytes], None], tmp_path: Path) -> None:
    """A folder as standard input is an error, not the end of audio."""
    folder = os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, 0)
    os.close(folder)
    source = StandardInput(SAMPLE_RATE)
    source.open()
    with pytest.raises(SourceError, match="standard input cannot be read"):
        source.read(NOT_STOPPED)


def test_standard_input_is_closed(standard_input: Callable[[bytes], None]) -> None:
    """A program that was started without standard input gets an error."""
    os.close(0)
    source = StandardInput(SAMPLE_RATE)
    source.open()
    with pytest.raises(SourceError, match="standard input cannot be read"):
        source.read(NOT_STOPPED)


# ---- make_source


def feed(write: Callable[[bytes], None], *pieces: bytes) -> None:
    """Writes pieces, and ends the pipe."""
    for piece in (*pieces, b""):
        write(bytes(piece))


def stereo_wav(subtype: str, rate: int = 44_100) -> bytes:
    """Half a second of a tone, on the left channel only."""
    file = io.BytesIO()
    sound = tone(rate)
    soundfile.write(file, np.stack([sound, np.zeros_like(sound)], axis=1), rate, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("length", [None, 0, 0xFFFFFFFF, 0x7FFFF000])
@pytest.mark.parametrize(
    ("subtype", "rate"), [("PCM_16", 44_100), ("PCM_24", 48_000), ("FLOAT", 44_100), ("PCM_U8", 8000)]
)
def test_a_wav_on_standard_input(
    standard_input: Callable[[bytes], None], subtype: str, rate: int, length: int | None
) -> None:
    """It is read by its header, whatever ``rate`` says, however it is cut, and if its length was never filled in."""
    data = bytearray(stereo_wav(subtype, rate))
    if length is not None:
        at = data.index(b"data") + 4
        data[at : at + 4] = struct.pack("<I", length)
    source = StandardInput(16_000)
    source.open()
    feed(standard_input, data[:3], data[3:1001], data[1001:])
    sound = read_all(source)
    assert source.notices == {}
    assert abs(len(sound) - 8000) < 40
    np.testing.assert_allclose(sound[1000:7000], tone(SAMPLE_RATE)[1000:7000] / 2, atol=0.02)


@pytest.mark.parametrize(
    ("kind", "subtype"), [("FLAC", "PCM_16"), ("OGG", "OPUS"), ("AIFF", "PCM_16"), ("AU", "PCM_16")]
)
def test_other_recordings_on_standard_input(standard_input: Callable[[bytes], None], kind: str, subtype: str) -> None:
    """So it is with other recordings that begin with a mark."""
    file = io.BytesIO()
    soundfile.write(file, tone(SAMPLE_RATE), SAMPLE_RATE, format=kind, subtype=subtype)
    source = StandardInput(44_100)
    source.open()
    feed(standard_input, file.getvalue())
    sound = read_all(source)
    assert abs(len(sound) - 8000) < 400
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)


def test_a_recording_on_standard_input_that_cannot_be_read(
    standard_input: Callable[[bytes], None], tmp_path: Path
) -> None:
    """An MP4 whose index comes last is refused in a sentence, and so is a mark with nothing behind it."""
    source = StandardInput(16_000)
    source.open()
    feed(standard_input, write_media(tmp_path / "a.m4a", [Track(tone(RATE, 20))]).read_bytes())
    with pytest.raises(SourceError, match="is an MP4 with its index at its end"):
        read_all(source)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_damaged_recording_on_standard_input(standard_input: Callable[[bytes], None], rate: int) -> None:
    """What can be read is heard; then an error says what is missing, at any rate."""
    file = io.BytesIO()
    soundfile.write(file, tone(rate, 6.0), rate, format="FLAC")
    data = bytearray(file.getvalue())
    data[len(data) // 2 : len(data) // 2 + 9000] = bytes(9000)
    source = StandardInput(16_000)
    source.open()
    feed(standard_input, bytes(data))
    with pytest.raises(SourceError, match="is damaged"):
        read_all(source)


def test_samples_on_standard_input_that_are_no_numbers(standard_input: Callable[[bytes], None]) -> None:
    """They are counted."""
    sound = tone(16_000)
    sound[100], sound[200] = np.nan, np.inf
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="WAV", subtype="FLOAT")
    source = StandardInput(16_000)
    source.open()
    feed(standard_input, file.getvalue())
    assert np.isfinite(read_all(source)).all()
    assert source.bad_samples == 2


def test_a_recording_on_standard_input_stops(standard_input: Callable[[bytes], None]) -> None:
    """After a stop it does not wait for the rest of a header."""
    source = StandardInput(16_000)
    source.open()
    standard_input(b"RIFF\0\0\0\0WAVE")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert source.read(stop) is None


def test_make_source(tmp_path: Path) -> None:
    """Each kind of input has its source; remote clients send their own audio."""
    soundfile.write(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE)
    source = make_source(SourceSettings(input=f"file:{tmp_path}/a.wav", fast=True))
    assert isinstance(source, AudioFile)
    source.open()
    assert len(read_all(source)) == SAMPLE_RATE // 2
    assert isinstance(make_source(SourceSettings(input="stdin")), StandardInput)
    assert isinstance(make_source(SourceSettings(input="mic:3")), Microphone)
    assert isinstance(make_source(SourceSettings(input="monitor")), Microphone)
    assert make_source(SourceSettings(input="ws")) is None


def test_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may begin with ``~`` for the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    soundfile.write(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE)
    source = make_source(SourceSettings(input="file:~/a.wav"))
    assert source
    source.open()
    source.close()
