"""Whisper's forward pass, ours and that of transformers, on the same window and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration

from streamstt.whisper.folders import read_json
from streamstt.whisper.linear import Precision
from streamstt.whisper.model import CrossAttention, Decoder, Encoder, Memory, Pass, Shape
from streamstt.whisper.weights import Weights

CPU = torch.device("cpu")
Heads = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Ours:
    """The parts of a model, ready to run."""

    shape: Shape
    encoder: Encoder
    cross: CrossAttention
    decoder: Decoder

    def hear(self, mel: torch.Tensor) -> Memory:
        """The memory of a window with no silence behind it."""
        memory = Memory(self.shape, 0, CPU)
        memory.put_window(self.cross(self.encoder(mel)))
        return memory

    def read(self, mel: torch.Tensor, tokens: Sequence[int]) -> Pass:
        """All tokens at once, logits after each."""
        return self.decoder(tokens, 0, self.hear(mel), range(len(tokens)))


def load(
    folder: Path, heads: Heads, encoder: Precision = Precision.FLOAT32, decoder: Precision = Precision.FLOAT32
) -> Ours:
    """Our model from a folder; ``heads`` are the alignment heads."""
    shape, weights = Shape.read(read_json(folder / "config.json")), Weights(folder)
    return Ours(
        shape,
        Encoder(weights, shape, encoder, CPU),
        CrossAttention(weights, shape, encoder, CPU),
        Decoder(weights, shape, decoder, CPU, heads),
    )


@dataclass(frozen=True)
class Said:
    """What transformers' model gives: encoder output (T, D), logits (n, V), attention (A, n, T)."""

    heard: torch.Tensor
    logits: torch.Tensor
    attention: torch.Tensor


@torch.no_grad()
def transformers_say(
    model: WhisperForConditionalGeneration, mel: torch.Tensor, tokens: Sequence[int], heads: Heads
) -> Said:
    """One pass of transformers' model; it needs eager attention."""
    given = torch.tensor([list(tokens)])
    out = model(input_features=mel[None], decoder_input_ids=given, output_attentions=True)
    attention = torch.stack([out.cross_attentions[layer][0, head] for layer, head in heads])
    return Said(out.encoder_last_hidden_state[0], out.logits[0], attention)


def largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())
