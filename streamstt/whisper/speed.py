"""How fast is a Whisper here? Times the parts of a loaded one, and estimates any size from layers with random weights.

A pass takes a fixed time and so much a layer; both come from models of one and of two layers of the size in question.
Nothing is fetched. What one thread does is timed by its own clock, so that other programs do not count.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np
import numpy.typing as npt
import torch

from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.weights import EmbeddingLookup
from streamstt.whisper.network import precision
from streamstt.whisper.network.decoder import CrossKV, CrossKVProjection, Decoder
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import make_linear
from streamstt.whisper.streaming import StreamingEngine

_BASE = ModelDimensions(512, 6, 6, 8, 8, 80, 51865, 448)
SIZES = {
    "tiny": replace(_BASE, width=384, encoder_layers=4, decoder_layers=4, encoder_heads=6, decoder_heads=6),
    "base": _BASE,
    "small": replace(_BASE, width=768, encoder_layers=12, decoder_layers=12, encoder_heads=12, decoder_heads=12),
    "distil-small.en": replace(
        _BASE, width=768, encoder_layers=12, decoder_layers=4, encoder_heads=12, decoder_heads=12, vocabulary_size=51864
    ),
    "medium": replace(_BASE, width=1024, encoder_layers=24, decoder_layers=24, encoder_heads=16, decoder_heads=16),
    "large-v3-turbo": ModelDimensions(1280, 32, 4, 20, 20, 128, 51866, 448),
    "distil-large-v3": ModelDimensions(1280, 32, 2, 20, 20, 128, 51866, 448),
    "large-v3": ModelDimensions(1280, 32, 32, 20, 20, 128, 51866, 448),
}
"""From the models' config.json on Hugging Face."""

WINDOWS = (150, 250, 450)  # positions: 2.4, 4.4 and 8.4 s of audio, and 0.6 s of silence
DRAFT_TOKENS = 16  # tokens that an update reads in one pass
NEW_TOKENS = 3  # tokens that it then says one by one: 0.6 s of speech
ROUNDS = 3  # the least of so many times counts
SMALL_VOCABULARY = 64  # tokens: the vocabulary of models whose layers are timed; that of the size is timed by itself
CACHE_FLUSH_FLOATS = (
    16 << 20
)  # numbers (64 MB) written before each run: a whole model does not stay in the processor's cache

TimedCall = Callable[[], object]
PartTimes = npt.NDArray[np.float64]
"""Seconds, shape (8,): encoder of each window, cross-attention of each, a pass over ``DRAFT`` tokens, over one."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds on this machine.

    Attributes:
        formats: Number formats that it was measured in.
        encoder: Of windows of ``WINDOWS`` positions.
        prefill: Of a pass over ``DRAFT`` tokens.
        step: Of a pass over one token.
    """

    formats: str
    encoder: tuple[float, ...]
    prefill: float
    step: float

    @property
    def update(self) -> float:
        """Of a usual update: six and a half seconds of audio."""
        return (self.encoder[1] + self.encoder[2]) / 2 + self.prefill + NEW_TOKENS * self.step


@dataclass(frozen=True, slots=True)
class LayerTimings:
    """What layers of one kind take; models that differ only in their number share them.

    Attributes:
        formats: Number formats.
        first_layer: Of a model with one layer on each side, without its vocabulary.
        per_extra_layer: Of each further layer.
        projection: Seconds of the projection of ``DRAFT`` tokens, and of one.
    """

    formats: str
    first_layer: PartTimes
    per_extra_layer: PartTimes
    projection: tuple[float, float]

    def estimate(self, dims: ModelDimensions) -> Speed:
        """Of a whole model."""
        windows = len(WINDOWS)
        layers = np.array([dims.encoder_layers] * windows + [dims.decoder_layers] * (windows + 2))
        seconds = self.first_layer + self.per_extra_layer * (layers - 1)  # (8,)
        encoder = tuple(float(s) for s in seconds[:windows] + seconds[windows : 2 * windows])
        read, say = (float(s) + v for s, v in zip(seconds[-2:], self.projection, strict=True))
        return Speed(self.formats, encoder, read, say)


def layer_key(dims: ModelDimensions) -> ModelDimensions:
    """The same for all shapes that ``LayerTimings`` are shared by."""
    return replace(dims, encoder_layers=1, decoder_layers=1, vocabulary_size=round(dims.vocabulary_size, -2))


def measure_layers(
    dims: ModelDimensions, encoder: str = "auto", decoder: str = "auto", threads: int = 0
) -> LayerTimings:
    """Times layers of this shape.

    Args:
        dims: Sizes of a model.
        encoder: A ``Precision``, or "auto".
        decoder: Likewise.
        threads: As in the settings.

    Raises:
        EngineError: torch has no such format here.
    """
    torch.set_num_threads(threads or 1)
    chosen = precision.choose(encoder, decoder, dims, torch.device("cpu"), default_cache_root() / "precision.json")
    with torch.inference_mode():
        models = [
            _timed_calls(replace(dims, encoder_layers=n, decoder_layers=n, vocabulary_size=SMALL_VOCABULARY), chosen)
            for n in (1, 2)
        ]
        head = make_linear(_RandomWeights().get("", dims.vocabulary_size, dims.width), None, chosen.decoder)
        projections = [partial(head, torch.randn(n, dims.width)) for n in (DRAFT_TOKENS, 1)]
        times = _minimum_times([*models[0], *models[1], *projections], threads)
    one, two, (many, single) = np.array(times[:8]), np.array(times[8:16]), times[16:]
    return LayerTimings(str(chosen), one, np.maximum(two - one, 0), (many, single))


def measure(engine: StreamingEngine, threads: int = 0) -> Speed:
    """Times the parts of a loaded model, which must be on the processor."""
    shape, silences, decoder = engine.network
    mels = _random_mels(shape)
    with torch.inference_mode():
        memory = silences.encode_window(mels[1])
        hear: list[TimedCall] = [partial(silences.encode_window, mel) for mel in mels]
        *encoder, read, say = _minimum_times([*hear, *_decoder_calls(decoder, memory)], threads)
    return Speed(engine.info.precision, tuple(encoder), read, say)


class _RandomWeights:
    """Implements ``Tensors``: the same numbers over and over, for a million new ones take as long as a layer."""

    def __init__(self) -> None:
        self._numbers = torch.randn(1 << 20) * 0.02

    def get(self, name: str, *shape: int) -> torch.Tensor:
        del name
        size = prod(shape)
        return self._numbers.repeat(-(-size // len(self._numbers)))[:size].view(shape)

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        table = self.get(name, *shape)
        return lambda indexes: table[list(indexes)]


def _timed_calls(dims: ModelDimensions, formats: precision.PrecisionPlan) -> list[TimedCall]:
    """What is timed of a model with random weights, in the order of ``PartTimes``."""
    cpu, weights = torch.device("cpu"), _RandomWeights()
    encoder = Encoder(weights, dims, formats, cpu)
    cross = CrossKVProjection(weights, dims, formats.encoder, cpu)
    decoder = Decoder(weights, dims, formats.decoder, cpu, [(dims.decoder_layers - 1, 0)])
    silence = encoder.encode_silence(torch.randn(dims.n_mels, 100), -1.0)
    heard = [torch.randn(n, dims.width) for n in WINDOWS]
    memory = CrossKV(dims, len(silence.positions), cpu)
    memory.set_silence(cross(silence.encoded))
    memory.set_window(cross(heard[1]), silence.attention_bias(WINDOWS[1]))
    hear: list[TimedCall] = [partial(encoder, mel, silence) for mel in _random_mels(dims)]
    return [*hear, *(partial(cross, h) for h in heard), *_decoder_calls(decoder, memory)]


def _random_mels(dims: ModelDimensions) -> list[torch.Tensor]:
    """Noise on a floor, as a spectrogram has one, each (n_mels, 2 T)."""
    mels = [torch.randn(dims.n_mels, 2 * n).clamp_(min=-1) for n in WINDOWS]
    for mel in mels:
        mel[0, 0] = -1
    return mels


def _decoder_calls(decoder: Decoder, cross_kv: CrossKV) -> list[TimedCall]:
    tokens = list(range(DRAFT_TOKENS))
    return [partial(decoder, tokens, 0, cross_kv, tokens), partial(decoder, tokens[:1], DRAFT_TOKENS, cross_kv, [0])]


def _minimum_times(calls: Sequence[TimedCall], threads: int) -> list[float]:
    """The least time of each, in turns, so that a busy moment strikes all of them."""
    clock = time.thread_time if threads <= 1 else time.perf_counter
    other = torch.zeros(CACHE_FLUSH_FLOATS)
    least = [float("inf")] * len(calls)
    for run in calls:
        run()  # the first time prepares
    for _ in range(ROUNDS):
        for i, run in enumerate(calls):
            other.add_(1)
            start = clock()
            run()
            least[i] = min(least[i], clock() - start)
    return least
