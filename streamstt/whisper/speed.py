"""How fast would a Whisper of any size be here? Timed on layers with random weights: nothing is fetched.

A pass takes a fixed time and so much a layer; both come from models of one and of two layers of the size in question.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from streamstt.whisper import precision
from streamstt.whisper.encoder import Encoder
from streamstt.whisper.model import Shape
from streamstt.whisper.network import CrossAttention, Decoder
from streamstt.whisper.silence import Silences
from streamstt.whisper.store import default_root

_BASE = Shape(512, 6, 6, 8, 8, 80, 51865, 448)
SIZES = {
    "tiny": replace(_BASE, width=384, encoder_layers=4, decoder_layers=4, encoder_heads=6, decoder_heads=6),
    "base": _BASE,
    "small": replace(_BASE, width=768, encoder_layers=12, decoder_layers=12, encoder_heads=12, decoder_heads=12),
    "distil-small.en": replace(
        _BASE, width=768, encoder_layers=12, decoder_layers=4, encoder_heads=12, decoder_heads=12, vocabulary=51864
    ),
    "medium": replace(_BASE, width=1024, encoder_layers=24, decoder_layers=24, encoder_heads=16, decoder_heads=16),
    "large-v3-turbo": Shape(1280, 32, 4, 20, 20, 128, 51866, 448),
    "distil-large-v3": Shape(1280, 32, 2, 20, 20, 128, 51866, 448),
    "large-v3": Shape(1280, 32, 32, 20, 20, 128, 51866, 448),
}
"""From the models' config.json on Hugging Face."""

WINDOWS = (150, 250, 450)  # positions: 2, 4 and 8 s of audio and a second of silence
DRAFT = 16  # tokens that an update reads in one pass
NEW = 3  # tokens that it then says one by one: 0.6 s of speech
REPEATS = 2


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds on this machine.

    Attributes:
        formats: Number formats that it was measured in.
        encoder: Of windows of ``WINDOWS`` positions.
        read: Of a pass over ``DRAFT`` tokens.
        say: Of a pass over one token.
    """

    formats: str
    encoder: tuple[float, ...]
    read: float
    say: float

    @property
    def update(self) -> float:
        """Of a usual update: six seconds of audio."""
        return (self.encoder[1] + self.encoder[2]) / 2 + self.read + NEW * self.say


class _Random:
    """Implements ``Tensors``."""

    def get(self, name: str, *shape: int) -> torch.Tensor:
        del name
        return torch.randn(shape) * 0.02


def estimate(shape: Shape, encoder: str = "auto", decoder: str = "auto", threads: int = 0) -> Speed:
    """How long a Whisper of this shape takes.

    Args:
        shape: Its sizes.
        encoder: A ``Precision``, or "auto".
        decoder: Likewise.
        threads: As in the settings.

    Raises:
        EngineError: torch has no such format here.
    """
    torch.set_num_threads(threads or 1)
    cpu = torch.device("cpu")
    chosen = precision.choose(encoder, decoder, shape, cpu, default_root() / "precision.json")
    with torch.inference_mode():
        one, two = (_time(replace(shape, encoder_layers=n, decoder_layers=n), chosen) for n in (1, 2))
    hear = [_extrapolate(a, b, shape.encoder_layers) for a, b in zip(one[:3], two[:3], strict=True)]
    read, say = (_extrapolate(a, b, shape.decoder_layers) for a, b in zip(one[3:], two[3:], strict=True))
    return Speed(str(chosen), tuple(hear), read, say)


def _extrapolate(one: float, two: float, layers: int) -> float:
    return one + max(two - one, 0.0) * (layers - 1)


def _time(shape: Shape, formats: precision.Choice) -> list[float]:
    """Seconds of the encoder for each window, and of passes of many tokens and of one."""
    cpu = torch.device("cpu")
    weights = _Random()
    encoder = Encoder(weights, shape, formats.encoder, cpu)
    cross = CrossAttention(weights, shape, formats.encoder, cpu)
    decoder = Decoder(weights, shape, formats.decoder, cpu, [(shape.decoder_layers - 1, 0)])
    silences = Silences(shape, encoder, cross, torch.randn(shape.n_mels, 100))
    mels = [torch.randn(shape.n_mels, 2 * n).clamp(min=-1).index_fill(1, torch.tensor([0]), -1.0) for n in WINDOWS]
    times = [_best(partial(silences.hear, mel)) for mel in mels]
    memory = silences.hear(mels[1])
    tokens = list(range(DRAFT))
    times.append(_best(lambda: decoder(tokens, 0, memory, tokens)))
    times.append(_best(lambda: decoder([7], DRAFT, memory, [0])))
    return times


def _best(run: Callable[[], object]) -> float:
    run()
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best
