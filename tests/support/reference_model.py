"""Whisper's forward pass, streamstt's and that of transformers, for the same window and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration, WhisperTokenizerFast

from streamstt.whisper.checkpoints.layout import read_json
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.generation_config import GenerationConfig, read_generation_config
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network.decoder import CrossKV, DecoderOutput
from streamstt.whisper.network.layers import MAX_POSITIONS, ModelDimensions
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.model import Network, load_network
from streamstt.whisper.network.precision import PrecisionPlan
from tests.support.paths import DATA
from tests.support.streaming import recording

CPU = torch.device("cpu")
N_FRAMES = 2 * MAX_POSITIONS  # of the spectrogram: 30 s
Heads = Sequence[tuple[int, int]]


class OurModel:
    """Our network, and shorthand for what tests do with it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.dims, self.encoder = network.dims, network.encoder
        self.project_kv, self.decoder = network.project_kv, network.decoder

    def encode(self, mel: torch.Tensor) -> CrossKV:
        """Keys and values of a window without silence after it."""
        return self.to_cross_kv(self.encoder(mel))

    def read(self, mel: torch.Tensor, tokens: Sequence[int]) -> DecoderOutput:
        """Reads all tokens in one pass; logits after each."""
        return self.read_encoded(self.encode(mel), tokens)

    def read_encoded(self, cross_kv: CrossKV, tokens: Sequence[int]) -> DecoderOutput:
        """The same for a window that is encoded."""
        return self.decoder(tokens, 0, cross_kv, range(len(tokens)))

    def to_cross_kv(self, encoded: torch.Tensor) -> CrossKV:
        """Keys and values of the encoder's output for a window without silence after it."""
        cross_kv = CrossKV(self.dims, 0, CPU)
        cross_kv.set_window(self.project_kv(encoded))
        return cross_kv


def load(
    folder: Path, heads: Heads, encoder: Precision = Precision.FLOAT32, decoder: Precision = Precision.FLOAT32
) -> OurModel:
    """Loads streamstt's model from a folder; ``heads`` are the alignment heads."""
    dims = ModelDimensions.from_config(read_json(folder / "config.json"))
    return OurModel(load_network(Weights(folder), dims, PrecisionPlan(encoder, decoder), CPU, heads))


@dataclass(frozen=True)
class ReferenceOutput:
    """What transformers' model returns: encoder output (T, D), logits (n, V), attention (A, n, T)."""

    encoded: torch.Tensor
    logits: torch.Tensor
    attention: torch.Tensor


@torch.no_grad()
def run_transformers(
    model: WhisperForConditionalGeneration, mel: torch.Tensor, tokens: Sequence[int], heads: Heads
) -> ReferenceOutput:
    """Runs one pass of transformers' model, which needs eager attention."""
    decoder_input = torch.tensor([list(tokens)])
    out = model(input_features=mel[None], decoder_input_ids=decoder_input, output_attentions=True)
    attention = torch.stack([out.cross_attentions[layer][0, head] for layer, head in heads])
    return ReferenceOutput(out.encoder_last_hidden_state[0], out.logits[0], attention)


def largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())


@dataclass(frozen=True)
class Example:
    """A model, a window, the tokens spoken in it, and its output for them in float32.

    Tests share the encoded window, ``cross_kv``, and must not change it.
    """

    folder: Path
    config: GenerationConfig
    mel: torch.Tensor
    tokens: list[int]
    ours: OurModel
    encoded: torch.Tensor
    cross_kv: CrossKV
    output: DecoderOutput


def make_example(folder: Path) -> Example:
    config = read_generation_config(folder)
    tokenizer = WhisperTokenizerFast.from_pretrained(folder)
    text = " " + " ".join((DATA / "meeting.txt").read_text().split())
    tokens = [*config.prompt("en", "transcribe"), *tokenizer(text, add_special_tokens=False).input_ids]
    mel = LogMel(config.dims.n_mels, CPU)(recording("meeting"), N_FRAMES)
    ours = load(folder, config.alignment_heads)
    encoded = ours.encoder(mel)
    cross_kv = ours.to_cross_kv(encoded)
    return Example(folder, config, mel, tokens, ours, encoded, cross_kv, ours.read_encoded(cross_kv, tokens))
