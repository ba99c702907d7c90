"""Measures how fast a Whisper is on this machine: times a loaded model, or estimates any size from random weights.

A pass takes a fixed time plus a time per layer; both come from models of one and of two layers of the size in question.
Nothing is fetched. With one thread on the CPU, its CPU time counts, so that other programs do not disturb the
measurement.
"""

import statistics
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
from streamstt.whisper.network.decoder import CrossKV, Decoder
from streamstt.whisper.network.encoder import first_frame
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import make_linear
from streamstt.whisper.network.model import Network, load_network
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
"""By name; from the models' config.json on Hugging Face."""

WINDOWS = ((0, 450), (140, 250), (340, 450))
"""Positions that are encoded: all of a window of 8.4 s of audio with 0.6 s of silence; the end of one that has grown
from 3.8 to 4.4 s, or from 7.8 to 8.4 s."""
DRAFT_TOKENS = 24  # tokens that the first pass of an update reads: prompt, committed words and draft
NEW_TOKENS = 1.5  # passes that follow, each with one new token
ROUNDS = 3  # each call is timed this often; the minimum counts
SMALL_VOCABULARY = 64  # tokens of the models whose layers are timed; the projection to the vocabulary is timed alone
CACHE_FLUSH_FLOATS = (
    16 << 20
)  # floats (64 MB) written before each call: a whole model would not stay in the CPU's cache

CPU = torch.device("cpu")

TimedCall = Callable[[], object]
PartTimes = npt.NDArray[np.float64]
"""Seconds, shape (8,): encoding each of ``WINDOWS``, projecting each to keys and values, a pass of the decoder over
``DRAFT_TOKENS`` tokens, and one over a single token."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Times of one model on this machine, in seconds.

    Attributes:
        formats: Number formats it was measured in.
        encoder: Encoding a window, for each of ``WINDOWS``.
        prefill: A pass of the decoder over ``DRAFT_TOKENS`` tokens.
        step: A pass of the decoder over one token.
    """

    formats: str
    encoder: tuple[float, ...]
    prefill: float
    step: float

    @property
    def update(self) -> float:
        """Seconds of a typical update, with 6.5 s of audio."""
        return (self.encoder[1] + self.encoder[2]) / 2 + self.prefill + NEW_TOKENS * self.step


@dataclass(frozen=True, slots=True)
class LayerTimings:
    """Times of layers of one size; models that differ only in their number of layers share them.

    Attributes:
        formats: Number formats they were measured in.
        first_layer: Times of a model with one layer in encoder and decoder, without the projection to the vocabulary.
        per_extra_layer: Times of each further layer.
        projection: Seconds of the projection to the vocabulary for ``DRAFT_TOKENS`` tokens, and for one.
    """

    formats: str
    first_layer: PartTimes
    per_extra_layer: PartTimes
    projection: tuple[float, float]

    def estimate(self, dims: ModelDimensions) -> Speed:
        """Estimates the times of a whole model."""
        windows = len(WINDOWS)
        layers = np.array([dims.encoder_layers] * windows + [dims.decoder_layers] * (windows + 2))  # (8,)
        seconds = self.first_layer + self.per_extra_layer * (layers - 1)  # (8,)
        encoder = tuple(float(s) for s in seconds[:windows] + seconds[windows : 2 * windows])
        prefill, step = (float(s) + projection for s, projection in zip(seconds[-2:], self.projection, strict=True))
        return Speed(self.formats, encoder, prefill, step)


def layer_key(dims: ModelDimensions) -> ModelDimensions:
    """Returns a key that is equal for all models that can share ``LayerTimings``."""
    return replace(dims, encoder_layers=1, decoder_layers=1, vocabulary_size=round(dims.vocabulary_size, -2))


def measure_layers(
    dims: ModelDimensions, encoder: str = "auto", decoder: str = "auto", threads: int = 0, device: torch.device = CPU
) -> LayerTimings:
    """Times layers of a model's size, with random weights.

    Args:
        dims: Sizes of the model.
        encoder: Number format of the encoder: a ``Precision``, or "auto".
        decoder: Number format of the decoder, likewise.
        threads: Number of torch's threads, as in the settings; 0: one.
        device: Where the model is to run.

    Raises:
        EngineError: torch does not support a format on this machine.
    """
    torch.set_num_threads(threads or 1)
    chosen = precision.choose(encoder, decoder, dims, device, default_cache_root() / "precision.json")
    with torch.inference_mode():
        small = [replace(dims, encoder_layers=n, decoder_layers=n, vocabulary_size=SMALL_VOCABULARY) for n in (1, 2)]
        weights = _RandomWeights()
        head = make_linear(weights.get("", dims.vocabulary_size, dims.width).to(device), None, chosen.decoder)
        models = [
            _timed_calls(load_network(weights, each, chosen, device, [(each.decoder_layers - 1, 0)]), device)
            for each in small
        ]
        projections = [partial(head, torch.randn(n, dims.width, device=device)) for n in (DRAFT_TOKENS, 1)]
        rounds = _time_calls([*models[0], *models[1], *projections], _clock(threads, device), device)
    times = [min(each) for each in rounds]
    one_layer, two_layers, (of_draft, of_one) = np.array(times[:8]), np.array(times[8:16]), times[16:]
    return LayerTimings(str(chosen), one_layer, np.maximum(two_layers - one_layer, 0), (of_draft, of_one))


def measure(engine: StreamingEngine, threads: int = 0) -> Speed:
    """Times the parts of a loaded model.

    Args:
        engine: An engine with the model.
        threads: Number of torch's threads, as in the settings.
    """
    rounds = _time_engine(engine, _clock(threads, torch.device(engine.info.device)))
    return _make_speed(engine, [min(each) for each in rounds])


def measure_now(engine: StreamingEngine) -> Speed:
    """Times the parts of a loaded model as they are now: other programs that use the machine count.

    Args:
        engine: An engine with the model.
    """
    return _make_speed(engine, [statistics.median(each) for each in _time_engine(engine, time.perf_counter)])


def _make_speed(engine: StreamingEngine, seconds: Sequence[float]) -> Speed:
    n = len(WINDOWS)
    encoder = tuple(encode + project for encode, project in zip(seconds[:n], seconds[n : 2 * n], strict=True))
    return Speed(engine.info.precision, encoder, *seconds[2 * n :])


def _time_engine(engine: StreamingEngine, clock: Callable[[], float]) -> list[list[float]]:
    device = torch.device(engine.info.device)
    with torch.inference_mode():
        return _time_calls(_timed_calls(engine.network, device), clock, device)


class _RandomWeights:
    """Implements ``WeightSource`` with a million random numbers, repeated: drawing new ones takes too long.

    They have 16 bits, as in most files. Tensors that fit into them share their memory.
    """

    def __init__(self) -> None:
        self._numbers = (torch.randn(1 << 20) * 0.02).half()

    def get(self, name: str, *shape: int) -> torch.Tensor:
        del name
        size = prod(shape)
        repeats = -(-size // len(self._numbers))
        numbers = self._numbers.repeat(repeats) if repeats > 1 else self._numbers
        return numbers[:size].view(shape)

    def embedding_lookup(self, name: str, *shape: int) -> EmbeddingLookup:
        table = self.get(name, *shape)
        return lambda indexes: table[list(indexes)]


def _timed_calls(network: Network, device: torch.device) -> list[TimedCall]:
    """Returns calls of the parts of a model in the order of ``PartTimes``."""
    dims, encoder, project_kv = network.dims, network.encoder, network.project_kv
    silence = encoder.encode_silence(torch.randn(dims.n_mels, 100, device=device), -1.0)
    encoder_kv = encoder.make_kv(n_silent=len(silence.positions))
    encoder_kv.set_silence(silence)
    cross_kv = CrossKV(dims, len(silence.positions), device)
    cross_kv.set_silence(project_kv(silence.encoded))
    encode: list[TimedCall] = []
    project: list[TimedCall] = []
    for first, end in WINDOWS:
        mel = torch.randn(dims.n_mels, 2 * end - first_frame(first), device=device).clamp_(min=-1)
        encoded = encoder.encode_from(mel, first, encoder_kv)  # (end - first, D); the first window is whole
        encode.append(partial(encoder.encode_from, mel, first, encoder_kv))
        project.append(partial(project_kv, encoded))
        cross_kv.set_window(project_kv(encoded), silence.attention_bias(end), first)
    return [*encode, *project, *_decoder_calls(network.decoder, cross_kv)]


def _decoder_calls(decoder: Decoder, cross_kv: CrossKV) -> list[TimedCall]:
    tokens = list(range(DRAFT_TOKENS))
    return [partial(decoder, tokens, 0, cross_kv, tokens), partial(decoder, tokens[:1], DRAFT_TOKENS, cross_kv, [0])]


def _clock(threads: int, device: torch.device) -> Callable[[], float]:
    return time.perf_counter if threads > 1 or device.type == "cuda" else time.thread_time


def _time_calls(calls: Sequence[TimedCall], clock: Callable[[], float], device: torch.device) -> list[list[float]]:
    """Returns the times of each call, ``ROUNDS`` of them. They take turns: a busy moment affects all of them."""
    on_gpu = device.type == "cuda"
    cache_flush = torch.zeros(CACHE_FLUSH_FLOATS, device=device)
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()  # the first call compiles and allocates
    for _ in range(ROUNDS):
        for seconds, call in zip(times, calls, strict=True):
            cache_flush.add_(1)
            if on_gpu:
                torch.cuda.synchronize(device)  # its work is queued: wait for the flush, and below for the call
            start = clock()
            call()
            if on_gpu:
                torch.cuda.synchronize(device)
            seconds.append(clock() - start)
    return times
