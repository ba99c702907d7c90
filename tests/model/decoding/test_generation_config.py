"""Reading config.json and generation_config.json, in the variants that exist."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from streamstt.errors import ModelError
from streamstt.whisper.decoding.generation_config import GenerationConfig, detect_language, read_generation_config
from streamstt.whisper.network.layers import ModelDimensions

CONFIG: dict[str, Any] = {
    "d_model": 64,
    "encoder_layers": 6,
    "decoder_layers": 4,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 2,
    "num_mel_bins": 128,
    "vocab_size": 1000,
    "max_target_positions": 40,
}
ENGLISH_ONLY: dict[str, Any] = {
    "eos_token_id": 900,
    "decoder_start_token_id": 901,
    "no_timestamps_token_id": 950,
    "suppress_tokens": [1, 2, 7],
    "begin_suppress_tokens": [220, 900],
    "alignment_heads": [[3, 1], [2, 0]],
}
MULTILINGUAL = ENGLISH_ONLY | {
    "is_multilingual": True,
    "lang_to_id": {"<|en|>": 902, "<|de|>": 903, "<|yue|>": 904},
    "task_to_id": {"transcribe": 930, "translate": 929},
}
UPPER_HALF = ((2, 0), (2, 1), (3, 0), (3, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder without files."""
    return tmp_path


def read(folder: Path, generation: dict[str, Any], config: dict[str, Any] = CONFIG) -> GenerationConfig:
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return read_generation_config(folder)


def without(settings: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != key}


def test_multilingual(folder: Path) -> None:
    """The prompt of a multilingual model has language and task; languages are known by their codes."""
    config = read(folder, MULTILINGUAL)
    assert config.language_tokens == {"en": 902, "de": 903, "yue": 904}
    assert config.prompt("de", "transcribe") == [901, 903, 930, 950]
    assert config.prompt("yue", "translate") == [901, 904, 929, 950]
    assert config.no_speech_token == 949


@pytest.mark.parametrize("more", [{}, {"lang_to_id": None, "task_to_id": None}, {"lang_to_id": {}}])
def test_english_only(folder: Path, more: dict[str, Any]) -> None:
    """The prompt of an English-only model has neither language nor task."""
    config = read(folder, ENGLISH_ONLY | more)
    assert config.language_tokens == {}
    assert config.prompt("en", "transcribe") == [901, 950]
    assert config.no_speech_token == 949


def test_token_filter(folder: Path) -> None:
    """The filter has the end token, and the tokens that are suppressed always or at the start."""
    token_filter = read(folder, MULTILINGUAL).token_filter
    assert (token_filter.end_token, token_filter.suppressed, token_filter.suppressed_at_start) == (
        900,
        (1, 2, 7),
        (220, 900),
    )
    assert token_filter.vocabulary_size == 1000


@pytest.mark.parametrize("end", [900, [900], [900, 12]])
def test_one_end_or_several(folder: Path, end: int | list[int]) -> None:
    """The end token is given as a number or as a list; the first counts."""
    assert read(folder, MULTILINGUAL | {"eos_token_id": end}).token_filter.end_token == 900


@pytest.mark.parametrize("given", [{}, {"suppress_tokens": None, "begin_suppress_tokens": None}])
def test_nothing_is_suppressed(folder: Path, given: dict[str, Any]) -> None:
    """A model may suppress no tokens."""
    token_filter = read(
        folder, without(without(ENGLISH_ONLY, "suppress_tokens"), "begin_suppress_tokens") | given
    ).token_filter
    assert (token_filter.suppressed, token_filter.suppressed_at_start) == ((), ())


def test_minus_one(folder: Path) -> None:
    """Among suppressed tokens -1 means an empty list, not the last token."""
    assert read(folder, ENGLISH_ONLY | {"suppress_tokens": [-1]}).token_filter.suppressed == ()


def test_sizes(folder: Path) -> None:
    """Sizes come from config.json; mel bins and positions default to those of the first Whispers."""
    assert read(folder, MULTILINGUAL).dims == ModelDimensions(64, 6, 4, 8, 2, 128, 1000, 40)
    older = without(without(CONFIG, "num_mel_bins"), "max_target_positions")
    assert read(folder, MULTILINGUAL, older).dims == ModelDimensions(64, 6, 4, 8, 2, 80, 1000, 448)


def test_alignment_heads(folder: Path) -> None:
    """Measured alignment heads are used."""
    assert sorted(read(folder, MULTILINGUAL).alignment_heads) == [(2, 0), (3, 1)]


@pytest.mark.parametrize(
    "generation", [without(MULTILINGUAL, "alignment_heads"), MULTILINGUAL | {"alignment_heads": None}]
)
def test_no_alignment_heads(folder: Path, generation: dict[str, Any]) -> None:
    """Without measured heads, all heads of the upper half of the layers align."""
    assert read(folder, generation).alignment_heads == UPPER_HALF


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ([[3, 1], [4, 0], [9, 1], [2, 0]], ((3, 1), (2, 0))),
        ([[1, 2], [1, 1], [0, 7]], ((1, 1),)),
        ([[4, 0], [5, 1]], UPPER_HALF),
        ([], UPPER_HALF),
    ],
)
def test_heads_that_do_not_exist(folder: Path, given: list[list[int]], used: tuple[tuple[int, int], ...]) -> None:
    """Heads of layers that a distilled model lacks are ignored; if none remains, the default applies."""
    assert read(folder, MULTILINGUAL | {"alignment_heads": given}).alignment_heads == used


@pytest.mark.parametrize(("layers", "first"), [(1, 0), (2, 1), (3, 1)])
def test_few_layers(folder: Path, layers: int, first: int) -> None:
    """Even a decoder of one layer has alignment heads."""
    generation = without(MULTILINGUAL, "alignment_heads")
    heads = read(folder, generation, CONFIG | {"decoder_layers": layers}).alignment_heads
    assert heads == tuple((layer, head) for layer in range(first, layers) for head in range(2))


@pytest.mark.parametrize("key", ["eos_token_id", "decoder_start_token_id", "no_timestamps_token_id"])
def test_a_token_is_missing(folder: Path, key: str) -> None:
    """A missing token that every Whisper needs is an error that names it and the file."""
    with pytest.raises(ModelError, match=rf"generation_config\.json.*{key}"):
        read(folder, without(MULTILINGUAL, key))


@pytest.mark.parametrize(
    "wrong",
    [
        {"eos_token_id": None},
        {"eos_token_id": []},
        {"decoder_start_token_id": "start"},
        {"no_timestamps_token_id": None},
        {"suppress_tokens": 3},
        {"suppress_tokens": ["a"]},
        {"begin_suppress_tokens": 3},
        {"lang_to_id": ["<|en|>"]},
        {"lang_to_id": {"<|en|>": None}},
        {"task_to_id": "transcribe"},
        {"alignment_heads": [3]},
        {"alignment_heads": [[1, 2, 3]]},
    ],
    ids=str,
)
def test_a_setting_is_invalid(folder: Path, wrong: dict[str, Any]) -> None:
    """Other values in place of tokens or heads are an error that names the file."""
    with pytest.raises(ModelError, match=r"generation_config\.json"):
        read(folder, MULTILINGUAL | wrong)


@pytest.mark.parametrize(
    "key", ["d_model", "encoder_layers", "decoder_layers", "decoder_attention_heads", "vocab_size"]
)
def test_a_size_is_missing(folder: Path, key: str) -> None:
    """A missing size is an error that names it and the file."""
    with pytest.raises(ModelError, match=rf"config\.json.*{key}"):
        read(folder, MULTILINGUAL, without(CONFIG, key))


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"\xff"])
def test_a_file_is_missing_or_damaged(folder: Path, name: str, content: bytes | None) -> None:
    """A file that is missing, or not a JSON object, is an error that names it."""
    read(folder, MULTILINGUAL)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_generation_config(folder)


@pytest.mark.parametrize(
    ("probabilities", "expected", "detected"),
    [
        ((0.3, 0.25, 0.1), None, "en"),
        ((0.3, 0.25, 0.1), "de", "de"),
        ((0.9, 0.08, 0.01), "de", "en"),
        ((0.3, 0.25, 0.1), "xx", "en"),
    ],
)
def test_the_expected_language_is_favored(
    probabilities: tuple[float, ...], expected: str | None, detected: str
) -> None:
    """In an unclear case the expected language is detected; in a clear case the language that is spoken."""
    logits = torch.tensor([5.0, *probabilities]).log()
    assert detect_language(logits, {"en": 1, "de": 2, "fr": 3}, expected) == detected
