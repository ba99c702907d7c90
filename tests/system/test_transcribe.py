"""``streamstt transcribe`` with several recordings, pipes, and kinds of file that people have."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import soundfile

from tests.support.daemon import DATA, SCRIPT, command, environment, write_script
from tests.support.forked import RUN_S, Process
from tests.support.media import RATE, Track, write_media

LONG = DATA / "long_sentence.flac"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a meeting as FLAC, as video with two languages, with damage, and what is no recording."""
    folder = tmp_path_factory.mktemp("recordings")
    samples, rate = soundfile.read(LONG, dtype="float32")
    talk = samples[: 8 * rate]
    soundfile.write(folder / "talk.flac", talk, rate)
    sound = np.repeat(talk, RATE // rate)
    silence = Track(np.zeros_like(sound), metadata={"language": "deu"})
    write_media(folder / "talk.m4a", [Track(sound)])
    write_media(folder / "talk.mkv", [silence, Track(sound, metadata={"language": "eng"})], video=True)
    broken = talk.copy()
    broken[1000], broken[2000] = np.nan, np.inf
    soundfile.write(folder / "nan.wav", broken, rate, "FLOAT")
    data = bytearray((folder / "talk.flac").read_bytes())
    data[-3000:-1000] = bytes(2000)
    (folder / "damaged.flac").write_bytes(data)
    (folder / "notes.txt").write_text("no sound")
    soundfile.write(folder / "silence.wav", np.zeros(4 * rate), rate)
    soundfile.write(folder / "noise.wav", np.random.default_rng(0).normal(0, 0.001, 4 * rate), rate)
    write_script(folder)
    return folder


def transcribe(folder: Path, *arguments: str, stdin: int | IO[Any] = subprocess.DEVNULL) -> tuple[int, str, str]:
    """Returns exit code, text in one line, and messages."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        options = ["--model", f"script:{folder / 'script.json'}"]
        arguments = tuple(command("transcribe", *arguments, *options))
        env = environment({"COLUMNS": "300"})
        process = Process(arguments, env=env, stdin=stdin, stdout=out, stderr=err, cwd=str(folder), torch=True)
        try:
            code = process.wait(RUN_S)
        finally:
            process.kill()
        texts = [os.pread(file.fileno(), 1 << 20, 0).decode() for file in (out, err)]
    return code, " ".join(texts[0].split()), texts[1]


def test_what_can_be_done_is_done(folder: Path) -> None:
    """The others are done, then the exit code and each problem tell what is missing."""
    files = ("nope.wav", "talk.flac", "notes.txt", "damaged.flac", "talk.m4a", "..")
    code, text, problems = transcribe(folder, *files)
    assert code == 3
    assert text.split().count(SCRIPT.split()[-1]) == 3
    for fragment in ("no file nope.wav", "notes.txt is not audio", "damaged.flac is damaged from 7", ".. is a folder"):
        assert fragment in problems


def test_files_of_several_recordings(folder: Path, tmp_path: Path) -> None:
    """Each that can be read has its file, and no other."""
    code, text, _ = transcribe(folder, "talk.flac", "notes.txt", "silence.wav", "-o", str(tmp_path), "--format", "srt")
    assert code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silence.srt", "talk.srt"]
    assert text.split() == [str(tmp_path / "talk.srt"), str(tmp_path / "silence.srt")]


def test_standard_input(folder: Path) -> None:
    """It is read in any format, from a pipe and from a file."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as pipe:
            pipe.write((folder / "talk.m4a").read_bytes())

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as pipe:
        assert transcribe(folder, "-", stdin=pipe) == (0, SCRIPT, "")
    thread.join()
    with (folder / "talk.flac").open("rb") as file:
        assert transcribe(folder, "-", stdin=file) == (0, SCRIPT, "")


def test_a_named_pipe(folder: Path) -> None:
    """What a shell's ``<( )`` gives is read as a file is."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes((folder / "talk.m4a").read_bytes())).start()
    assert transcribe(folder, "pipe") == (0, SCRIPT, "")


def test_a_track(folder: Path) -> None:
    """The chosen track of a video is transcribed; one that is not there is an error with those that are."""
    assert transcribe(folder, "talk.mkv", "--track", "2")[:2] == (0, SCRIPT)
    assert transcribe(folder, "talk.mkv")[1] == ""
    code, _, problem = transcribe(folder, "talk.mkv", "--track", "3")
    assert code == 3
    assert "it has 2 audio tracks: 1 (deu, aac); 2 (eng, aac)" in problem


def test_nothing_was_heard(folder: Path) -> None:
    """It is said, with the level; that is no error. So are samples that are no numbers."""
    code, text, problems = transcribe(folder, "silence.wav", "noise.wav", "nan.wav")
    assert (code, text) == (0, SCRIPT)
    assert "silence.wav: Nothing was heard: it is digital silence." in problems
    assert "noise.wav: Nothing was heard; its level is -60 dBFS, its peak -4" in problems
    assert "nan.wav: Samples that are no numbers, or far too large: 2." in problems


def test_damage_is_an_error(folder: Path) -> None:
    """Of a file that could be read in part, too."""
    assert transcribe(folder, "damaged.flac")[:2] == (3, SCRIPT)


def test_what_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    """The others are written nevertheless, and each problem is told."""
    (tmp_path / "talk.txt").mkdir()
    code, text, problems = transcribe(folder, "nope.wav", "talk.flac", "silence.wav", "-o", str(tmp_path))
    assert (code, text) == (3, str(tmp_path / "silence.txt"))
    assert "no file nope.wav" in problems
    assert f"cannot write {tmp_path / 'talk.txt'}" in problems
