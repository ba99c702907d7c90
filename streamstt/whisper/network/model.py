"""A Whisper with its weights: the parts that the engine runs one after another."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from streamstt.whisper.network.decoder import CrossKVProjection, Decoder
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import ModelDimensions, WeightSource
from streamstt.whisper.network.precision import PrecisionPlan


@dataclass(frozen=True, slots=True)
class Network:
    """The parts of a model.

    Attributes:
        dims: Its sizes.
        encoder: Maps spectrograms to hidden states.
        project_kv: Maps hidden states to keys and values for the decoder.
        decoder: Predicts tokens.
    """

    dims: ModelDimensions
    encoder: Encoder
    project_kv: CrossKVProjection
    decoder: Decoder


def load_network(
    weights: WeightSource,
    dims: ModelDimensions,
    formats: PrecisionPlan,
    device: torch.device,
    alignment_heads: Sequence[tuple[int, int]],
) -> Network:
    """Loads all parts.

    Args:
        weights: The checkpoint's tensors.
        dims: Sizes of the model.
        formats: Number formats.
        device: Where it runs.
        alignment_heads: (layer, head) of the decoder's heads whose attention is returned.
    """
    decoder = Decoder(weights, dims, formats.decoder, device, alignment_heads)  # first: see there
    encoder = Encoder(weights, dims, formats, device)
    return Network(dims, encoder, CrossKVProjection(weights, dims, formats.encoder, device), decoder)
