"""What the files beside the weights say: sizes, tokens, languages. No model class of transformers is needed for it."""

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
"""Languages seldom change between two utterances. A change is heard with a hundred times the probability of the old
language; in a scrap of two seconds several are about as likely."""


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """How a Whisper is told what to do.

    Attributes:
        dims: Sizes of the model.
        token_filter: What it may say.
        start_token: The token every text starts with.
        no_timestamps_token: The token that asks for text only; the one before it means that nobody speaks.
        language_tokens: Token of each language code; none in an English-only model.
        task_tokens: Token of ``transcribe`` and ``translate``.
        alignment_heads: (layer, head) of the decoder heads that look where the word is heard.
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
        """The token that means that nobody speaks."""
        return self.no_timestamps_token - 1

    @property
    def previous_text_token(self) -> int:
        """The token before what was said earlier, or is given as if it were."""
        return self.no_timestamps_token - 2

    def prompt(self, language: str, task: str) -> list[int]:
        """What stands before the text."""
        if not self.language_tokens:
            return [self.start_token, self.no_timestamps_token]
        return [self.start_token, self.language_tokens[language], self.task_tokens[task], self.no_timestamps_token]


def detect_language(logits: torch.Tensor, languages: Mapping[str, int], expected: str | None) -> str:
    """The language of some audio.

    Args:
        logits: What comes after the start token, shape (V,).
        languages: Token of each code; at least one.
        expected: The code that was spoken before, if any: others must be ``LANGUAGE_SWITCH_RATIO`` times as likely.
    """
    favoured = {expected: math.log(LANGUAGE_SWITCH_RATIO)}
    return max(languages, key=lambda code: float(logits[languages[code]]) + favoured.get(code, 0.0))


def language_probability(logits: torch.Tensor, languages: Mapping[str, int], code: str) -> float:
    """The probability of one language among all; arguments as of ``detect_language``."""
    each = logits[list(languages.values())].softmax(-1)  # (languages,)
    return float(each[list(languages).index(code)])


def read_generation_config(folder: Path) -> GenerationConfig:
    """Reads config.json and generation_config.json.

    Raises:
        ModelError: They are not there, or not a Whisper's.
    """
    shape = ModelDimensions.from_config(read_json(folder / "config.json"))
    path = folder / "generation_config.json"
    generation = read_json(path)
    try:
        return GenerationConfig(
            dims=shape,
            token_filter=TokenFilter(
                end_token=_first_token(generation["eos_token_id"]),
                suppressed=tuple(t for t in generation.get("suppress_tokens") or () if t >= 0),
                suppressed_at_start=tuple(generation.get("begin_suppress_tokens") or ()),
                vocabulary_size=shape.vocabulary_size,
            ),
            start_token=int(generation["decoder_start_token_id"]),
            no_timestamps_token=int(generation["no_timestamps_token_id"]),
            language_tokens={code.strip("<|>"): int(t) for code, t in (generation.get("lang_to_id") or {}).items()},
            task_tokens={task: int(t) for task, t in (generation.get("task_to_id") or {}).items()},
            alignment_heads=_alignment_heads(generation, shape),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} does not say how this Whisper is to be used: {error!r}") from error


def _first_token(value: Any) -> int:
    """Some write one token, others a list of them."""
    return int(value[0] if isinstance(value, list) else value)


def _alignment_heads(generation: dict[str, Any], dims: ModelDimensions) -> tuple[tuple[int, int], ...]:
    """Without measured heads, as Whisper does it: all in the second half of the layers."""
    given = [(int(layer), int(head)) for layer, head in generation.get("alignment_heads") or ()]
    usable = [(layer, head) for layer, head in given if layer < dims.decoder_layers and head < dims.decoder_heads]
    upper = range(dims.decoder_layers // 2, dims.decoder_layers)
    return tuple(usable or [(layer, head) for layer in upper for head in range(dims.decoder_heads)])
