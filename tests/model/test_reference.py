"""The reference engine with real weights: the oracle of later engines must itself be right."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.config.settings import EngineSettings as Settings
from streamstt.engine.base import Job
from streamstt.errors import EngineError, ModelError
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.decoding import generation_config as whisper_settings
from streamstt.whisper.loader import load_engine
from streamstt.whisper.reference import ReferenceEngine
from tests.support.paths import DATA
from tests.support.word_errors import word_error_rate


def recording(name: str) -> Samples:
    samples, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert rate == 16000
    return samples


def job(audio: Samples, **details: object) -> Job:
    return Job("test", 0, audio, final=True, **details)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base(base_folder: Path) -> ReferenceEngine:
    """whisper-base in fp32."""
    return ReferenceEngine(Checkpoint("base", base_folder, "cache"), Settings())


@pytest.mark.parametrize("name", ["short", "long_sentence"])
def test_text_is_that_of_transformers(base: ReferenceEngine, base_folder: Path, name: str) -> None:
    """The text is what the few lines of every notebook give for the same recording."""
    processor = WhisperProcessor.from_pretrained(base_folder)
    model = WhisperForConditionalGeneration.from_pretrained(base_folder, dtype=torch.float32)
    features = processor(recording(name), sampling_rate=16000, return_tensors="pt").input_features
    tokens = model.generate(features, language="en", task="transcribe", return_timestamps=False)
    expected = processor.batch_decode(tokens, skip_special_tokens=True)[0]
    heard = base.decode(job(recording(name), language="en"))
    assert "".join(w.text for w in heard.words) == expected
    assert word_error_rate((DATA / f"{name}.txt").read_text(), expected) < 0.05


def test_committed_words_are_continued(base: ReferenceEngine) -> None:
    """With the first words given, the rest comes as before, and the given ones do not come again."""
    whole = base.decode(job(recording("short"), language="en"))
    rest = base.decode(job(recording("short"), language="en", committed=whole.words[:6]))
    assert [w.text for w in rest.words] == [w.text for w in whole.words[6:]]
    assert [w.tokens for w in rest.words] == [w.tokens for w in whole.words[6:]]
    assert max(abs(a.end - b.end) for a, b in zip(rest.words, whole.words[6:], strict=True)) <= samples_from_ms(100)


def test_somebody_goes_on(base: ReferenceEngine) -> None:
    """When all was said nothing more is, unless it is told that somebody speaks."""
    whole = base.decode(job(recording("short"), language="en")).words
    assert base.decode(job(recording("short"), language="en", committed=whole)).words == ()
    assert base.decode(job(recording("short"), language="en", committed=whole, goes_on=True)).words


def test_words_have_times_and_probabilities(base: ReferenceEngine) -> None:
    """Words follow each other within the audio; delaying the audio delays them all; probabilities are some."""
    audio = recording("short")
    words = base.decode(job(audio, language="en")).words
    assert all(a.end <= b.start for a, b in pairwise(words))
    assert all(w.start < w.end <= len(audio) for w in words)
    assert all(0.2 < w.probability <= 1 for w in words)
    # one second of noise comes before the sentence, and one after
    assert samples_from_ms(500) < words[0].end < samples_from_ms(2000)
    assert words[-1].start < len(audio) - samples_from_ms(1000)
    later = base.decode(job(np.concatenate([np.zeros(samples_from_ms(1000), np.float32), audio]), language="en")).words
    shifts = [b.end - a.end for a, b in zip(words, later, strict=True)]
    assert np.median(shifts) == pytest.approx(samples_from_ms(1000), abs=samples_from_ms(60))


def test_language_is_detected_or_given(base: ReferenceEngine) -> None:
    """Without a language, English is heard as English; a given one is used as it is."""
    assert base.decode(job(recording("short"))).language == "en"
    assert base.decode(job(recording("short"), language="de")).language == "de"
    assert len(base.info.languages) == 99


def test_an_expected_language_does_not_stick(base: ReferenceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence is heard in its own language, whatever was spoken before; unless that weighs more than any sound."""
    assert base.decode(job(recording("short"), expected="de")).language == "en"
    monkeypatch.setattr(whisper_settings, "LANGUAGE_SWITCH_RATIO", 1e30)
    assert base.decode(job(recording("short"), expected="de")).language == "de"


def test_translate_is_asked_for(base: ReferenceEngine, base_folder: Path) -> None:
    """The task is part of the prompt; translating English gives English, with the task's own token."""
    translating = ReferenceEngine(Checkpoint("base", base_folder, "cache"), Settings(task="translate"))
    assert translating._prompt("de") != base._prompt("de")
    text = "".join(w.text for w in translating.decode(job(recording("short"), language="en")).words)
    assert word_error_rate((DATA / "short.txt").read_text(), text) < 0.1


def test_noise_is_known_as_such(base: ReferenceEngine) -> None:
    """Where nobody speaks, the probability of no speech is high, and where somebody does, it is low."""
    assert base.decode(job(recording("noise")[: samples_from_ms(3000)], language="en")).no_speech > 0.6
    assert base.decode(job(recording("short"), language="en")).no_speech < 0.1


@pytest.mark.parametrize("samples", [0, 1, 100, 400, 320 * 5])
def test_hardly_any_audio(base: ReferenceEngine, samples: int) -> None:
    """A scrap of audio, or none, is decoded like any other."""
    base.decode(job(np.zeros(samples, np.float32), language="en"))


def test_english_only(tiny_folder: Path) -> None:
    """An English-only model needs no language, says it speaks English, and refuses to translate."""
    engine = ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), Settings())
    heard = engine.decode(job(recording("short")))
    assert (engine.info.languages, heard.language) == (("en",), "en")
    assert word_error_rate((DATA / "short.txt").read_text(), "".join(w.text for w in heard.words)) < 0.1
    with pytest.raises(ModelError, match="cannot translate"):
        ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), Settings(task="translate"))


def test_it_is_exact(tiny_folder: Path) -> None:
    """The number format is float32 whatever is set for the streaming engine, and the description says so."""
    settings = Settings(kind="reference", encoder="bfloat16", decoder="int8", device="cpu")
    assert ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), settings).info.precision == "float32"


def test_what_is_not_there(tiny_folder: Path, tmp_path: Path) -> None:
    """A GPU that this machine lacks, or a folder whose weights are none, is an error that says so."""
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="finds no CUDA"):
            load_engine(Settings(kind="reference", model="tiny.en", device="cuda"))
    for file in tiny_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="does not hold"):
        load_engine(Settings(kind="reference", model=str(tmp_path)))
    tensors = load_file(tiny_folder / "model.safetensors")
    del tensors["model.decoder.layers.3.fc1.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of .*layers\.3\.fc1"):
        load_engine(Settings(kind="reference", model=str(tmp_path)))
