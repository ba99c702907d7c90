"""What both sides of a Whisper are made of: its sizes, and its parts with their weights.

Source: Radford et al. 2022; the names of the weights are transformers'. Letters in shapes: T encoder positions (20 ms),
D width, H heads, L decoder layers, n tokens in this pass, p tokens before it, S positions in memory, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn.functional import layer_norm

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.weights import EmbeddingLookup
from streamstt.whisper.network.linear import Linear, Precision, make_linear

MAX_POSITIONS = 1500  # of the encoder: 30 s
KeyValue = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (heads, positions, size)."""


@dataclass(frozen=True, slots=True)
class ModelDimensions:
    """Sizes of a Whisper; names as in transformers' configuration, where there are two of a kind."""

    width: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    n_mels: int
    vocabulary_size: int
    max_tokens: int

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModelDimensions":
        """Takes the sizes from config.json.

        Raises:
            ModelError: It lacks one, or describes a Whisper that is built in another way.
        """
        try:
            shape = cls(
                width=int(config["d_model"]),
                encoder_layers=int(config["encoder_layers"]),
                decoder_layers=int(config["decoder_layers"]),
                encoder_heads=int(config["encoder_attention_heads"]),
                decoder_heads=int(config["decoder_attention_heads"]),
                n_mels=int(config.get("num_mel_bins", 80)),
                vocabulary_size=int(config["vocab_size"]),
                max_tokens=int(config.get("max_target_positions", 448)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"config.json does not describe a Whisper: {error!r}") from error
        usual = {"activation_function": "gelu", "scale_embedding": False, "max_source_positions": MAX_POSITIONS}
        for key, value in usual.items():
            if config.get(key, value) != value:
                raise ModelError(f"a Whisper with {key} = {config[key]!r} is not supported, only {value!r}")
        return shape


class WeightSource(Protocol):
    """Where weights come from."""

    def get(self, name: str, *shape: int) -> torch.Tensor:
        """One tensor, which has that shape.

        Raises:
            ModelError: It is not there.
        """
        ...

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        """Looks up rows of one tensor, without keeping all of it in memory if possible.

        Raises:
            ModelError: It is not there.
        """
        ...


class LayerNorm:
    """Layer normalisation."""

    def __init__(self, weights: WeightSource, name: str, width: int, device: torch.device) -> None:
        self._weight = weights.get(f"{name}.weight", width).float().to(device)
        self._bias = weights.get(f"{name}.bias", width).float().to(device)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(n, D) to (n, D)."""
        return layer_norm(x, self._weight.shape, self._weight, self._bias)


class LayerBuilder:
    """Makes the parts of one side of the model, in its precision."""

    def __init__(self, weights: WeightSource, width: int, precision: Precision, device: torch.device) -> None:
        self._weights = weights
        self._width = width
        self._precision = precision
        self._device = device

    def norm(self, name: str) -> LayerNorm:
        """A layer normalisation."""
        return LayerNorm(self._weights, name, self._width, self._device)

    def linear(self, *names: str, outputs: int = 0, inputs: int = 0) -> Linear:
        """One linear of the given ones, side by side; that of the keys has no bias."""
        outputs, inputs = outputs or self._width, inputs or self._width
        weight = torch.cat([self._weights.get(f"{name}.weight", outputs, inputs) for name in names])
        biases = [
            torch.zeros(outputs) if name.endswith("k_proj") else self._weights.get(f"{name}.bias", outputs)
            for name in names
        ]
        return make_linear(weight.to(self._device), torch.cat(biases).to(self._device), self._precision)

    def self_attention(self, name: str) -> tuple[Linear, Linear]:
        """Queries, keys and values in one, and the projection back."""
        attention = f"{name}.self_attn"
        return self.linear(*(f"{attention}.{p}_proj" for p in "qkv")), self.linear(f"{attention}.out_proj")

    def feed_forward(self, name: str) -> tuple[Linear, Linear]:
        """Up to four times the width, and back."""
        inner = 4 * self._width
        return self.linear(f"{name}.fc1", outputs=inner), self.linear(f"{name}.fc2", inputs=inner)

    def tensor(self, name: str, *shape: int) -> torch.Tensor:
        """A tensor as it is in the checkpoint."""
        return self._weights.get(name, *shape).to(self._device)

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        """Looks up rows of a tensor of the checkpoint: on the processor from where it is stored."""
        if self._device.type == "cpu":
            return self._weights.embedding_lookup(name, *shape)
        table = self.tensor(name, *shape)
        return lambda indexes: table[list(indexes)]
