"""A recording through the whole of the core, with the real detector and a script."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.config import Speech
from streamstt.errors import SourceError
from streamstt.offline import transcribe
from streamstt.speech.scripted import Script, ScriptedEngine, ScriptWord

DATA = Path(__file__).parents[1] / "data"
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
    """A spoken sentence becomes its words once, and progress is told up to its length."""
    told: list[tuple[float, float]] = []
    finals = transcribe(DATA / "short.flac", ENGINE, Speech(), "en", lambda done, total: told.append((done, total)))
    assert [w.text for f in finals for w in f.words] == WORDS
    assert {f.source for f in finals} == {"short"}
    assert told == sorted(told)
    assert told[-1][0] == pytest.approx(told[-1][1])


def test_cut_off(tmp_path: Path) -> None:
    """A recording that ends in the middle of speech is transcribed to its end."""
    audio, rate = soundfile.read(DATA / "short.flac")
    soundfile.write(tmp_path / "half.flac", audio[: 4 * rate], rate)
    finals = transcribe(tmp_path / "half.flac", ENGINE, Speech(), "en")
    spoken = [w.text for f in finals for w in f.words]
    assert spoken == WORDS[: len(spoken)]
    assert len(spoken) in {round(2.9 / STEP), round(2.9 / STEP) - 1}


def test_silence(tmp_path: Path) -> None:
    """A silent recording has no captions."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(48000), 16000)
    assert transcribe(tmp_path / "silence.wav", ENGINE, Speech(), "en") == []


def test_no_recording(tmp_path: Path) -> None:
    """A file that is not there is an error."""
    with pytest.raises(SourceError, match="there is no file"):
        transcribe(tmp_path / "gone.wav", ENGINE, Speech(), "en")
