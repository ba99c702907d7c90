"""The engine that plays back a script."""

import json
from pathlib import Path

import numpy as np
import pytest

from streamstt.engine.base import Job, RecognizedWord
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.errors import ModelError

WORDS = (
    ScriptWord(text=" Hello", start=1.0, end=2.0),
    ScriptWord(text=" everybody", start=2.0, end=3.0),
    ScriptWord(text=" here.", start=4.0, end=5.0),
)
ENGINE = ScriptedEngine(Script(words=WORDS))


def job(start_s: float, end_s: float, *, final: bool = True, committed: tuple[RecognizedWord, ...] = ()) -> Job:
    audio = np.zeros(round((end_s - start_s) * 16000), dtype=np.float32)
    return Job("mic", round(start_s * 16000), audio, final, None, committed)


def decode_texts(job_: Job, engine: ScriptedEngine = ENGINE) -> list[str]:
    return [w.text for w in engine.decode(job_).words]


def test_words_of_the_audio() -> None:
    """Words have the script's own times; the hypothesis has its job and the script's language."""
    job_ = job(0.5, 3.5)
    hypothesis = ENGINE.decode(job_)
    assert hypothesis.job is job_
    assert hypothesis.language == "en"
    assert [(w.text, w.start, w.end) for w in hypothesis.words] == [
        (" Hello", 16000, 32000),
        (" everybody", 32000, 48000),
    ]


def test_language_of_the_job() -> None:
    """It decodes in the language of the job, and its description has the languages that it knows."""
    job_ = Job("mic", 0, np.zeros(0, dtype=np.float32), final=True, language="de")
    assert ENGINE.decode(job_).language == "de"
    assert ENGINE.info.languages == ("en",)


@pytest.mark.parametrize(
    ("end_s", "text"), [(2.0, []), (2.05, [" e"]), (2.5, [" ever"]), (2.95, [" everybody"[:10]]), (3.0, [" everybody"])]
)
def test_a_word_still_spoken(end_s: float, text: list[str]) -> None:
    """In a partial, a word that is still being spoken is recognized in part, up to the end of the audio."""
    hypothesis = ENGINE.decode(job(0, end_s, final=False))
    assert [w.text for w in hypothesis.words] == [" Hello", *text]
    assert hypothesis.words[-1].end <= end_s * 16000


def test_committed_words_are_not_repeated() -> None:
    """The hypothesis continues after the committed words."""
    committed = ENGINE.decode(job(0, 2)).words
    assert decode_texts(job(0, 6, committed=committed)) == [" everybody", " here."]


@pytest.mark.parametrize("at", [1.2, 1.5, 1.6, 2.0, 2.5])
def test_a_cut_gives_each_word_once(at: float) -> None:
    """However the audio is cut in two, final decodes of both have every word once."""
    assert [*decode_texts(job(0, at)), *decode_texts(job(at, 6))] == [w.text for w in WORDS]


def test_repeat() -> None:
    """A script that repeats has the same words again, one period later."""
    engine = ScriptedEngine(Script(words=WORDS, repeat_s=6))
    assert decode_texts(job(0, 30), engine) == [w.text for w in WORDS] * 5
    assert engine.decode(job(12, 18)).words[0].start == 13 * 16000


def test_load(tmp_path: Path) -> None:
    """A script is a JSON file."""
    file = tmp_path / "talk.json"
    file.write_text(json.dumps({"words": [w.model_dump() for w in WORDS], "language": "fr", "repeat_s": 7}))
    assert ScriptedEngine.load(file) == ScriptedEngine(Script(words=WORDS, language="fr", repeat_s=7))


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"[]", b"{}", b'{"words": [{"text": "x"}]}', b'{"words": [], "speed": 2}', b"\xff\xfe\x00"],
)
def test_not_a_script(tmp_path: Path, content: bytes) -> None:
    """A file that is not a script is an error that names the file and shows an example."""
    file = tmp_path / "talk.json"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"talk\.json is not a script.*Hello"):
        ScriptedEngine.load(file)


def test_no_file(tmp_path: Path) -> None:
    """A missing script and a folder are errors that name the path."""
    with pytest.raises(ModelError, match=r"gone\.json.*No such file"):
        ScriptedEngine.load(tmp_path / "gone.json")
    with pytest.raises(ModelError, match="cannot read"):
        ScriptedEngine.load(tmp_path)
