"""Names and terms to expect: heard with the vocabulary, not without it, and never where nobody says them."""

from pathlib import Path

import pytest

from streamstt.config.settings import EngineSettings as Settings
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Engine, Hypothesis
from streamstt.errors import ConfigError
from streamstt.speech.reliability import is_unreliable
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.reference import ReferenceEngine
from streamstt.whisper.streaming import StreamingEngine
from tests.model.test_streaming_decoder import COARSE, DATA, job, recording, text_of
from tests.support.word_errors import word_error_rate

TERMS = ("Velmora", "Joaquin", "Istio", "Nguyen", "Huawei")


def engine(folder: Path, terms: tuple[str, ...], kind: type = StreamingEngine) -> Engine:
    settings = COARSE.model_copy(update={"vocabulary": terms})
    made: Engine = kind(Checkpoint("base", folder, "cache"), settings)
    return made


@pytest.fixture(scope="module")
def plain(base_folder: Path) -> Engine:
    return engine(base_folder, ())


@pytest.fixture(scope="module")
def told(base_folder: Path) -> Engine:
    """It knows the names."""
    return engine(base_folder, TERMS)


def known(heard: Hypothesis) -> set[str]:
    return {term for term in TERMS if term in text_of(heard)}


def test_names_are_heard(plain: Engine, told: Engine) -> None:
    """Names that the model mishears by itself are written as the vocabulary has them, with the right times."""
    audio = recording("names")
    assert known(plain.decode(job(audio, language="en"))) <= {"Istio"}
    heard = told.decode(job(audio, language="en"))
    assert known(heard) == set(TERMS)
    (second,) = [w for w in heard.words if w.text.strip() == "Kubernetes"]
    assert 4.4 < second.start / 16000 < 5.4


def test_the_reference_knows_them_too(base_folder: Path) -> None:
    """Both engines take the vocabulary."""
    told = engine(base_folder, TERMS, ReferenceEngine)
    assert {"Velmora", "Istio"} <= known(told.decode(job(recording("names"), language="en")))


def test_it_can_change(base_folder: Path) -> None:
    """Names that are told later are heard from then on, and no longer when they are taken back."""
    told = engine(base_folder, ())
    audio = recording("names")
    told.set_vocabulary(TERMS)
    assert known(told.decode(job(audio, language="en"))) == set(TERMS)
    told.set_vocabulary(())
    assert known(told.decode(job(audio, language="en"))) <= {"Istio"}


@pytest.mark.parametrize("name", ["short", "meeting", "long_sentence", "quiet"])
def test_other_speech_is_left_alone(told: Engine, name: str) -> None:
    """Where no such name is said, none is written; what is said, and its language, is heard as before."""
    heard = told.decode(job(recording(name)))
    assert known(heard) == set()
    assert heard.language == "en"
    assert word_error_rate((DATA / f"{name}.txt").read_text(), text_of(heard)) < 0.1


@pytest.mark.parametrize("start", range(0, 15, 3))
@pytest.mark.parametrize("final", [True, False])
def test_noise_stays_silent(told: Engine, start: int, final: bool) -> None:
    """A name is not heard in noise, or not in a way that a session would believe."""
    heard = told.decode(job(recording("noise")[start * 16000 : (start + 3) * 16000], final=final))
    assert not heard.words or is_unreliable(heard, SpeechSettings())


def test_too_long(tiny_folder: Path) -> None:
    """A dictionary is refused, with what would fit."""
    with pytest.raises(ConfigError, match=r"vocabulary is too long.* 112 fit"):
        StreamingEngine(
            Checkpoint("tiny.en", tiny_folder, "cache"), Settings(device="cpu", vocabulary=("antidisestablish",) * 60)
        )
