"""Reads a model's sizes, special tokens and languages from its JSON files, without a model class of transformers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.layout import read_json
from streamstt.whisper.decoding.speculative import TokenFilter
from streamstt.whisper.network.layers import ModelDimensions

LANGUAGE_SWITCH_RATIO = 10.0
"""How much more likely than the expected language another must be. Languages seldom change between two utterances. A
real change gives the new one 100 times the probability of the old one; in 2 s of speech several are about equal."""


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """The settings of one model for decoding.

    Attributes:
        dims: Sizes of the model.
        token_filter: Tokens that may be written.
        start_token: First token of every text.
        no_timestamps_token: Requests text without timestamps; the token before it means that there is no speech.
        language_tokens: Token of each language code; empty in an English-only model.
        task_tokens: Token of ``transcribe`` and ``translate``.
        alignment_heads: (layer, head) of the decoder heads that attend to where a word is spoken.
    """

    dims: ModelDimensions
    token_filter: TokenFilter
    start_token: int
    no_timestamps_token: int
    language_tokens: dict[str, int]
    task_tokens: dict[str, int]
    alignment_heads: tuple[tuple[int, int], ...]

    @property
    def no_speech_token(self) -> int:
        """The token that means that there is no speech."""
        return self.no_timestamps_token - 1

    @property
    def previous_text_token(self) -> int:
        """The token that precedes earlier text, or a vocabulary in its place."""
        return self.no_timestamps_token - 2

    def prompt(self, language: str, task: str) -> list[int]:
        """Returns the tokens before the text."""
        if not self.language_tokens:
            return [self.start_token, self.no_timestamps_token]
        return [self.start_token, self.language_tokens[language], self.task_tokens[task], self.no_timestamps_token]


def detect_language(logits: torch.Tensor, languages: Mapping[str, int], expected: str | None) -> str:
    """Returns the code of the language of some audio.

    Args:
        logits: Logits after the start token, shape (V,).
        languages: Token of each code; at least one.
        expected: The language spoken before, if any; others must be ``LANGUAGE_SWITCH_RATIO`` times as likely.
    """
    bonus = {expected: math.log(LANGUAGE_SWITCH_RATIO)}
    return max(languages, key=lambda code: float(logits[languages[code]]) + bonus.get(code, 0.0))


def language_probability(logits: torch.Tensor, languages: Mapping[str, int], code: str) -> float:
    """Returns the probability of one language among all; arguments as of ``detect_language``."""
    probabilities = logits[list(languages.values())].softmax(-1)  # (languages,)
    return float(probabilities[list(languages).index(code)])


def read_generation_config(folder: Path) -> GenerationConfig:
    """Reads config.json and generation_config.json.

    Raises:
        ModelError: One is missing, or does not belong to a Whisper.
    """
    dims = ModelDimensions.from_config(read_json(folder / "config.json"))
    path = folder / "generation_config.json"
    generation = read_json(path)
    try:
        return GenerationConfig(
            dims=dims,
            token_filter=TokenFilter(
                end_token=_first_token(generation["eos_token_id"]),
                suppressed=tuple(t for t in generation.get("suppress_tokens") or () if t >= 0),
                suppressed_at_start=tuple(generation.get("begin_suppress_tokens") or ()),
                vocabulary_size=dims.vocabulary_size,
            ),
            start_token=int(generation["decoder_start_token_id"]),
            no_timestamps_token=int(generation["no_timestamps_token_id"]),
            language_tokens={code.strip("<|>"): int(t) for code, t in (generation.get("lang_to_id") or {}).items()},
            task_tokens={task: int(t) for task, t in (generation.get("task_to_id") or {}).items()},
            alignment_heads=_alignment_heads(generation, dims),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not a Whisper's: a setting is missing or invalid: {error!r}") from error


def _first_token(value: Any) -> int:
    """Returns the first token; some models give one token, others a list of them."""
    return int(value[0] if isinstance(value, list) else value)


def _alignment_heads(generation: dict[str, Any], dims: ModelDimensions) -> tuple[tuple[int, int], ...]:
    """Returns the measured heads that exist; without any, as Whisper does, all in the upper half of the layers."""
    measured = [(int(layer), int(head)) for layer, head in generation.get("alignment_heads") or ()]
    usable = [(layer, head) for layer, head in measured if layer < dims.decoder_layers and head < dims.decoder_heads]
    upper_half = range(dims.decoder_layers // 2, dims.decoder_layers)
    return tuple(usable or [(layer, head) for layer in upper_half for head in range(dims.decoder_heads)])
