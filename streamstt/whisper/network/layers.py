"""What encoder and decoder share: the model's dimensions, and a builder of layers from named weights.

Source: Radford et al. 2022; weights are named as in transformers. Letters in shapes: n rows (positions or tokens), D
width.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn.functional import layer_norm

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.weights import EmbeddingLookup
from streamstt.whisper.network.linear import Linear, Precision, make_linear

MAX_POSITIONS = 1500  # positions of the encoder: 30 s
KeyValue = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (H, positions, D/H)."""


@dataclass(frozen=True, slots=True)
class ModelDimensions:
    """Sizes of a Whisper.

    Attributes:
        width: Size of hidden states, D.
        encoder_layers: Number of layers.
        decoder_layers: Number of layers.
        encoder_heads: Attention heads of a layer.
        decoder_heads: Attention heads of a layer.
        n_mels: Mel bins of the spectrogram.
        vocabulary_size: Number of tokens, V.
        max_tokens: Most tokens of a text, its prompt included.
    """

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
        """Reads the sizes from the content of config.json.

        Raises:
            ModelError: A size is missing, or the model differs from Whisper in its architecture.
        """
        try:
            dims = cls(
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
        supported = {"activation_function": "gelu", "scale_embedding": False, "max_source_positions": MAX_POSITIONS}
        for key, value in supported.items():
            if config.get(key, value) != value:
                raise ModelError(f"a Whisper with {key} = {config[key]!r} is not supported, only {value!r}")
        return dims


class WeightSource(Protocol):
    """Provides the tensors of a model by name."""

    def get(self, name: str, *shape: int) -> torch.Tensor:
        """Returns a tensor.

        Raises:
            ModelError: There is none of that name and shape.
        """
        ...

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        """Returns a function that looks up rows of a tensor, if possible without keeping all of it in memory.

        Raises:
            ModelError: There is none of that name and shape.
        """
        ...


class LayerNorm:
    """Layer normalization in float32."""

    def __init__(self, weights: WeightSource, name: str, width: int, device: torch.device) -> None:
        self._weight = weights.get(f"{name}.weight", width).float().to(device)
        self._bias = weights.get(f"{name}.bias", width).float().to(device)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, D) to (n, D)."""
        return layer_norm(x, self._weight.shape, self._weight, self._bias)


class LayerBuilder:
    """Builds layers of the encoder or the decoder from named weights, in one number format."""

    def __init__(self, weights: WeightSource, width: int, precision: Precision, device: torch.device) -> None:
        self._weights = weights
        self._width = width
        self._precision = precision
        self._device = device

    def norm(self, name: str) -> LayerNorm:
        """Builds a layer normalization."""
        return LayerNorm(self._weights, name, self._width, self._device)

    def linear(self, *names: str, outputs: int = 0, inputs: int = 0) -> Linear:
        """Builds one linear layer that computes several, with their outputs side by side.

        Args:
            names: The layers to join; those of keys have no bias.
            outputs: Outputs of each; 0: the model's width.
            inputs: Inputs; 0: the model's width.
        """
        outputs, inputs = outputs or self._width, inputs or self._width
        weight = torch.cat([self._weights.get(f"{name}.weight", outputs, inputs) for name in names])
        biases = [
            torch.zeros(outputs) if name.endswith("k_proj") else self._weights.get(f"{name}.bias", outputs)
            for name in names
        ]
        return make_linear(weight.to(self._device), torch.cat(biases).to(self._device), self._precision)

    def self_attention(self, name: str) -> tuple[Linear, Linear]:
        """Builds the projection to queries, keys and values in one, and the output projection."""
        attention = f"{name}.self_attn"
        return self.linear(*(f"{attention}.{p}_proj" for p in "qkv")), self.linear(f"{attention}.out_proj")

    def feed_forward(self, name: str) -> tuple[Linear, Linear]:
        """Builds the two linear layers of a feed-forward: to four times the width, and back."""
        inner = 4 * self._width
        return self.linear(f"{name}.fc1", outputs=inner), self.linear(f"{name}.fc2", inputs=inner)

    def tensor(self, name: str, *shape: int) -> torch.Tensor:
        """Returns a tensor in the dtype of the checkpoint, on the model's device."""
        return self._weights.get(name, *shape).to(self._device)

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        """Returns a function that looks up rows of a tensor; on the CPU it reads them from the file."""
        if self._device.type == "cpu":
            return self._weights.embedding_lookup(name, *shape)
        table = self.tensor(name, *shape)
        return lambda indexes: table[list(indexes)]
