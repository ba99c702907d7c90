"""Names and terms to expect: recognized with the vocabulary, not without it, and never where they are not spoken."""

from pathlib import Path

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import EngineSettings as Settings
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Engine, Hypothesis
from streamstt.errors import ConfigError
from streamstt.speech.reliability import is_unreliable
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.reference import ReferenceEngine
from streamstt.whisper.streaming import StreamingEngine
from tests.support.paths import DATA
from tests.support.streaming import COARSE, job, recording, text_of
from tests.support.word_errors import word_error_rate

TERMS = ("Velmora", "Joaquin", "Istio", "Nguyen", "Huawei")


def load(folder: Path, terms: tuple[str, ...], kind: type = StreamingEngine) -> Engine:
    settings = COARSE.model_copy(update={"vocabulary": terms})
    engine: Engine = kind(Checkpoint("base", folder, "cache"), settings)
    return engine


@pytest.fixture(scope="module")
def prompted(base_folder: Path) -> Engine:
    """With the names as its vocabulary."""
    return load(base_folder, TERMS)


def terms_in(hypothesis: Hypothesis) -> set[str]:
    return {term for term in TERMS if term in text_of(hypothesis)}


def test_names_are_recognized(prompted: Engine) -> None:
    """Names that the model misrecognizes by itself are written as in the vocabulary, with the right times."""
    hypothesis = prompted.decode(job(recording("names"), language="en"))
    assert terms_in(hypothesis) == set(TERMS)
    (second,) = [w for w in hypothesis.words if w.text.strip() == "Kubernetes"]
    assert 4.4 < second.start / 16000 < 5.4


def test_the_reference_knows_them_too(base_folder: Path) -> None:
    """The reference engine uses the vocabulary too."""
    prompted = load(base_folder, TERMS, ReferenceEngine)
    audio = recording("names")[: samples_from_ms(8500)]
    assert {"Velmora", "Istio"} <= terms_in(prompted.decode(job(audio, language="en")))


def test_it_can_change(base_folder: Path) -> None:
    """Names that are set later are recognized from then on, not before, and no longer after they are removed."""
    engine = load(base_folder, ())
    naming = job(recording("names"), language="en")
    assert terms_in(engine.decode(naming)) <= {"Istio"}
    engine.set_vocabulary(TERMS)
    assert terms_in(engine.decode(naming)) == set(TERMS)
    engine.set_vocabulary(())
    assert terms_in(engine.decode(naming)) <= {"Istio"}


@pytest.mark.parametrize("name", ["meeting", "quiet"])
def test_other_speech_is_not_affected(prompted: Engine, name: str) -> None:
    """Where no such name is spoken, none is written; text and language are right as before."""
    hypothesis = prompted.decode(job(recording(name)))
    assert terms_in(hypothesis) == set()
    assert hypothesis.language == "en"
    assert word_error_rate((DATA / f"{name}.txt").read_text(), text_of(hypothesis)) < 0.1


@pytest.mark.parametrize(("start", "final"), [(0, True), (3, False), (6, True), (9, False), (12, True)])
def test_noise_stays_silent(prompted: Engine, start: int, final: bool) -> None:
    """No name is recognized in noise, or only in a hypothesis that a session discards."""
    hypothesis = prompted.decode(job(recording("noise")[start * 16000 : (start + 3) * 16000], final=final))
    assert not hypothesis.words or is_unreliable(hypothesis, SpeechSettings())


def test_too_long(tiny_folder: Path) -> None:
    """A vocabulary that is too long is an error that says how much fits."""
    with pytest.raises(ConfigError, match=r"vocabulary is too long.* 112 fit"):
        StreamingEngine(
            Checkpoint("tiny.en", tiny_folder, "cache"), Settings(device="cpu", vocabulary=("antidisestablish",) * 60)
        )
