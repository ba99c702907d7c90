"""Whisper's forward pass, ours and that of transformers, on the same window and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile
import torch
from transformers import WhisperForConditionalGeneration, WhisperTokenizerFast

from streamstt.audio.format import Samples
from streamstt.whisper.checkpoints.layout import read_json
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.generation_config import GenerationConfig, read_generation_config
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network.decoder import CrossKV, CrossKVProjection, Decoder, DecoderOutput
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import MAX_POSITIONS, ModelDimensions
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.precision import PrecisionPlan
from tests.support.paths import DATA

CPU = torch.device("cpu")
COLUMNS = 2 * MAX_POSITIONS  # of the spectrogram: 30 s
Heads = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Ours:
    """The parts of a model, ready to run."""

    shape: ModelDimensions
    encoder: Encoder
    cross: CrossKVProjection
    decoder: Decoder

    def hear(self, mel: torch.Tensor) -> CrossKV:
        """The memory of a window with no silence behind it."""
        memory = CrossKV(self.shape, 0, CPU)
        memory.set_window(self.cross(self.encoder(mel)))
        return memory

    def read(self, mel: torch.Tensor, tokens: Sequence[int]) -> DecoderOutput:
        """All tokens at once, logits after each."""
        return self.decoder(tokens, 0, self.hear(mel), range(len(tokens)))


def load(
    folder: Path, heads: Heads, encoder: Precision = Precision.FLOAT32, decoder: Precision = Precision.FLOAT32
) -> Ours:
    """Our model from a folder; ``heads`` are the alignment heads."""
    shape, weights = ModelDimensions.from_config(read_json(folder / "config.json")), Weights(folder)
    return Ours(
        shape,
        Encoder(weights, shape, PrecisionPlan(encoder, decoder), CPU),
        CrossKVProjection(weights, shape, encoder, CPU),
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


def recording(name: str) -> Samples:
    samples, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert rate == 16000
    return samples


@dataclass(frozen=True)
class Reading:
    """A model, a window, what is said in it, and what float32 makes of that."""

    folder: Path
    speaking: GenerationConfig
    mel: torch.Tensor
    tokens: list[int]
    ours: Ours
    read: DecoderOutput


def reading_of(folder: Path) -> Reading:
    speaking = read_generation_config(folder)
    tokenizer = WhisperTokenizerFast.from_pretrained(folder)
    text = " " + " ".join((DATA / "meeting.txt").read_text().split())
    tokens = [*speaking.prompt("en", "transcribe"), *tokenizer(text, add_special_tokens=False).input_ids]
    mel = LogMel(speaking.dims.n_mels, CPU)(recording("meeting"), COLUMNS)
    ours = load(folder, speaking.alignment_heads)
    return Reading(folder, speaking, mel, tokens, ours, ours.read(mel, tokens))
