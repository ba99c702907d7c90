"""The reference engine with real weights: the oracle of the streaming engine must itself be right.

Every decode encodes 30 s, so one is shared where possible, and the smaller model is used unless languages matter. One
thread: two of torch wait for each other on a busy machine, and take several times as long.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.config.settings import EngineSettings as Settings
from streamstt.engine.base import Hypothesis
from streamstt.errors import EngineError, ModelError
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.decoding import generation_config
from streamstt.whisper.loader import load_engine
from streamstt.whisper.reference import ReferenceEngine
from tests.support.paths import DATA
from tests.support.streaming import SHORT, job, recording, text_of
from tests.support.word_errors import word_error_rate


@pytest.fixture(scope="module")
def base(base_folder: Path) -> ReferenceEngine:
    """whisper-base, multilingual, in float32."""
    return ReferenceEngine(Checkpoint("base", base_folder, "cache"), Settings(threads=1))


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> ReferenceEngine:
    """whisper-tiny.en in float32; the settings of number formats are those of the streaming engine."""
    settings = Settings(kind="reference", encoder="bfloat16", decoder="int8", device="cpu", threads=1)
    return ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), settings)


@pytest.fixture(scope="module")
def whole(tiny: ReferenceEngine) -> Hypothesis:
    """The whole short recording, decoded without a draft or committed words."""
    return tiny.decode(job(SHORT))


@pytest.fixture(scope="module")
def base_whole(base: ReferenceEngine) -> Hypothesis:
    """The same by the multilingual model, which detects the language."""
    return base.decode(job(SHORT))


def text_of_transformers(engine: ReferenceEngine, audio: Samples, **options: str) -> str:
    """The text of a recording by transformers' own few lines, with the engine's weights."""
    features = engine._processor(audio, sampling_rate=16000, return_tensors="pt").input_features
    tokens = engine._model.generate(features, return_timestamps=False, **options)
    return str(engine._processor.batch_decode(tokens, skip_special_tokens=True)[0])


def test_text_is_that_of_transformers(base: ReferenceEngine, base_whole: Hypothesis) -> None:
    """The text is that of transformers, and it is right."""
    assert text_of(base_whole) == text_of_transformers(base, SHORT, language="en", task="transcribe")
    assert word_error_rate((DATA / "short.txt").read_text(), text_of(base_whole)) < 0.05


def test_long_text_is_that_of_transformers(tiny: ReferenceEngine) -> None:
    """The same for two sentences and an English-only model."""
    audio = recording("long_sentence")[: samples_from_ms(8700)]
    text = text_of(tiny.decode(job(audio)))
    assert text == text_of_transformers(tiny, audio)
    sentences = (DATA / "long_sentence.txt").read_text().splitlines()
    assert word_error_rate(" ".join(sentences[:2]), text) < 0.05


def test_committed_words_are_continued(tiny: ReferenceEngine, whole: Hypothesis) -> None:
    """After the first words the rest is decoded as before, and the given words do not occur again."""
    rest = tiny.decode(job(SHORT, committed=whole.words[:6]))
    assert [(w.text, w.tokens) for w in rest.words] == [(w.text, w.tokens) for w in whole.words[6:]]
    assert max(abs(a.end - b.end) for a, b in zip(rest.words, whole.words[6:], strict=True)) <= samples_from_ms(100)


def test_a_text_that_must_continue(tiny: ReferenceEngine, whole: Hypothesis) -> None:
    """After all words nothing follows, unless the job requires it."""
    assert tiny.decode(job(SHORT, committed=whole.words)).words == ()
    assert tiny.decode(job(SHORT, committed=whole.words, must_continue=True)).words


def test_words_have_times_and_probabilities(tiny: ReferenceEngine, whole: Hypothesis) -> None:
    """Words follow each other within the audio; later audio has later words; all have a probability."""
    words = whole.words
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert all(w.start < w.end <= len(SHORT) for w in words)
    assert all(0.2 < w.probability <= 1 for w in words)
    # The sentence has a second of noise before and after it.
    assert samples_from_ms(500) < words[0].end < samples_from_ms(2000)
    assert words[-1].start < len(SHORT) - samples_from_ms(1000)
    delayed = np.concatenate([np.zeros(samples_from_ms(1000), np.float32), SHORT])
    later = tiny.decode(job(delayed)).words
    shifts = [b.end - a.end for a, b in zip(words, later, strict=True)]
    assert np.median(shifts) == pytest.approx(samples_from_ms(1000), abs=samples_from_ms(60))


def test_language_and_speech_are_detected(base: ReferenceEngine, base_whole: Hypothesis) -> None:
    """English is detected, unless a language is given; no speech is probable in noise, and improbable in speech."""
    assert len(base.info.languages) == 99
    assert base_whole.language == "en"
    assert base_whole.no_speech < 0.1
    noise = base.decode(job(recording("noise")[: samples_from_ms(1000)], language="de"))
    assert noise.language == "de"
    assert noise.no_speech > 0.6


def test_the_expected_language_does_not_override_speech(base: ReferenceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech is recognized in its own language, whatever is expected, unless the expectation has an absurd weight."""
    expecting = job(SHORT, expected_language="de")
    with torch.inference_mode():
        encoded = base._encode(SHORT)
        assert base._detect_language(encoded, expecting)[0] == "en"
        monkeypatch.setattr(generation_config, "LANGUAGE_SWITCH_RATIO", 1e30)
        assert base._detect_language(encoded, expecting)[0] == "de"


def test_translation(base: ReferenceEngine, base_folder: Path) -> None:
    """The task is part of the prompt; translating English gives English."""
    translating = ReferenceEngine(Checkpoint("base", base_folder, "cache"), Settings(task="translate", threads=1))
    assert translating._prompt("de") != base._prompt("de")
    text = text_of(translating.decode(job(SHORT, language="en")))
    assert word_error_rate((DATA / "short.txt").read_text(), text) < 0.1


@pytest.mark.parametrize("samples", [0, 320 * 5])
def test_hardly_any_audio(tiny: ReferenceEngine, samples: int) -> None:
    """A scrap of audio, or none, can be decoded, and words lie within it."""
    words = tiny.decode(job(np.zeros(samples, np.float32))).words
    assert all(0 <= w.start <= w.end <= samples for w in words)


def test_english_only(tiny: ReferenceEngine, whole: Hypothesis, tiny_folder: Path) -> None:
    """An English-only model needs no language, reports English, and cannot translate."""
    assert (tiny.info.languages, whole.language) == (("en",), "en")
    assert word_error_rate((DATA / "short.txt").read_text(), text_of(whole)) < 0.1
    with pytest.raises(ModelError, match="cannot translate"):
        ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), Settings(task="translate"))


def test_it_is_exact(tiny: ReferenceEngine) -> None:
    """The number format is float32 whatever is set for the streaming engine, and the engine says so."""
    assert tiny.info.precision == "float32"


def test_a_device_or_weights_that_are_missing(tiny_folder: Path, tmp_path: Path) -> None:
    """A GPU that this machine lacks, invalid weights, or a missing tensor is an error that says so."""
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="finds no CUDA"):
            load_engine(Settings(kind="reference", model="tiny.en", device="cuda"))
    for file in tiny_folder.iterdir():
        if file.name != "model.safetensors":
            (tmp_path / file.name).symlink_to(file.resolve())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="does not hold"):
        load_engine(Settings(kind="reference", model=str(tmp_path)))
    tensors = load_file(tiny_folder / "model.safetensors")
    del tensors["model.decoder.layers.3.fc1.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of .*layers\.3\.fc1"):
        load_engine(Settings(kind="reference", model=str(tmp_path)))
