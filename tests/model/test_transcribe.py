"""A recording through the whole of the core, with the real detector and a script."""

import gc
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import SourceError
from streamstt.recordings.chunks import ChunkDecode
from streamstt.recordings.transcribe import transcribe
from tests.support.paths import DATA

WORDS = (DATA / "short.txt").read_text().split()
STEP = 4.0 / len(WORDS)  # the sentence is spoken from about 1 s to 5.3 s
ENGINE = ScriptedEngine(
    Script(
        words=tuple(
            ScriptWord(text=f" {w}", start=1.1 + i * STEP, end=1.1 + (i + 1) * STEP) for i, w in enumerate(WORDS)
        )
    )
)


def test_a_recording() -> None:
    """A spoken sentence becomes its words once, and progress is reported up to its length."""
    progress: list[tuple[float, float]] = []
    finals = transcribe(
        DATA / "short.flac", ENGINE, SpeechSettings(), "en", lambda done, total: progress.append((done, total))
    )
    assert [w.text for f in finals for w in f.words] == WORDS
    assert {f.source for f in finals} == {"short"}
    assert progress == sorted(progress)
    assert progress[-1][0] == pytest.approx(progress[-1][1])


def test_cut_off(tmp_path: Path) -> None:
    """A recording that ends in the middle of speech is transcribed to its end."""
    audio, rate = soundfile.read(DATA / "short.flac")
    soundfile.write(tmp_path / "half.flac", audio[: 4 * rate], rate)
    finals = transcribe(tmp_path / "half.flac", ENGINE, SpeechSettings(), "en")
    spoken = [w.text for f in finals for w in f.words]
    assert spoken == WORDS[: len(spoken)]
    assert len(spoken) in {round(2.9 / STEP), round(2.9 / STEP) - 1}


def test_silence(tmp_path: Path) -> None:
    """A silent recording has no captions."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(48000), 16000)
    assert transcribe(tmp_path / "silence.wav", ENGINE, SpeechSettings(), "en") == []


def test_no_recording(tmp_path: Path) -> None:
    """A file that is not there is an error."""
    with pytest.raises(SourceError, match="there is no file"):
        transcribe(tmp_path / "gone.wav", ENGINE, SpeechSettings(), "en")


class RecordingEngine:
    """An engine that records its jobs."""

    info = ENGINE.info

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        return Hypothesis(job, (), "en")

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        return map(self.decode, jobs)


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Speech for more than a minute, with short pauses."""
    audio, rate = soundfile.read(DATA / "long_sentence.flac")
    soundfile.write(tmp_path / "long.flac", np.tile(audio, 4), rate)
    return tmp_path / "long.flac"


def test_a_small_buffer_loses_nothing(long_file: Path) -> None:
    """However little audio a live source may buffer, a file has the same chunks as with room for all of it."""
    spans = []
    for buffer_s in (30, 600):
        engine = RecordingEngine()
        transcribe(long_file, engine, SpeechSettings(buffer_s=buffer_s, max_utterance_s=28, detector="webrtc"), "en")
        spans.append([(j.start, j.end) for j in engine.jobs])
    assert spans[0] == spans[1]


def test_what_is_captioned_is_forgotten(long_file: Path) -> None:
    """Only the audio that is being decoded is kept, however long the recording is."""
    alive: list[int] = []

    def count(*_: float) -> None:
        gc.collect()
        alive.append(sum(type(thing) is ChunkDecode for thing in gc.get_objects()))

    transcribe(long_file, RecordingEngine(), SpeechSettings(detector="webrtc"), None, count)
    assert len(alive) > 5
    assert max(alive) <= 3


def test_each_utterance_has_its_language(tmp_path: Path) -> None:
    """Utterances are decoded together only when their language is known: it may change from one to the next."""
    audio, rate = soundfile.read(DATA / "short.flac")
    soundfile.write(tmp_path / "two.flac", np.tile(audio, 2), rate)
    single, joined = RecordingEngine(), RecordingEngine()
    transcribe(tmp_path / "two.flac", single, SpeechSettings(), None)
    transcribe(tmp_path / "two.flac", joined, SpeechSettings(), "en")
    assert (len(single.jobs), len(joined.jobs)) == (2, 1)


def test_a_damaged_recording(tmp_path: Path) -> None:
    """What is before and behind the damage is transcribed, and the damage is reported with its time."""
    audio, rate = soundfile.read(DATA / "short.flac")
    soundfile.write(tmp_path / "a.flac", np.concatenate([audio, audio]), rate)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    begin = round(len(data) * 0.45)
    data[begin : begin + 2000] = bytes(2000)
    (tmp_path / "a.flac").write_bytes(data)
    problems: list[tuple[str, bool]] = []
    finals = transcribe(
        tmp_path / "a.flac", ENGINE, SpeechSettings(), "en", on_problem=lambda *problem: problems.append(problem)
    )
    assert finals
    ((problem, is_damage),) = problems
    assert is_damage
    assert "a.flac is damaged from " in problem


def test_a_voice_that_is_too_quiet(tmp_path: Path) -> None:
    """A voice that cannot be recognized for its level is reported; one that can is not."""
    audio, rate = soundfile.read(DATA / "meeting.flac")
    for dbfs, reported in ((-62, False), (-76, True)):
        soundfile.write(tmp_path / "a.flac", audio / np.abs(audio).max() * 10 ** (dbfs / 20), rate)
        problems: list[str] = []
        transcribe(tmp_path / "a.flac", ENGINE, SpeechSettings(), "en", on_problem=lambda p, _: problems.append(p))  # noqa: B023
        assert bool(problems) is reported
        assert all("too quiet" in problem for problem in problems)
