"""Which number format is fastest here? Measured on this machine, never read off a processor's name.

Takes part of a second, once: the answer is kept per machine, torch, model size and thread count.
"""

import json
import logging
import platform
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch

from streamstt.errors import EngineError
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import Linear, Precision, make_linear

WINDOW_POSITIONS = 300  # positions: what the encoder hears in a usual update (6 s)
MIN_BFLOAT16_SPEEDUP = (
    1.5  # what 16 bits must be faster by to stand beside 8 bits; on some processors they are slower by far
)
BUDGET_S = 0.15  # for each candidate of each part
MIN_SPEEDUP = {Precision.FLOAT32: 1.0, Precision.BFLOAT16: 1.0, Precision.INT8: 1.25}
"""What a format must be faster by to be preferred: the errors of 8 bits are the largest, though they cost no words that
could be told from chance (docs/performance.md)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """A format for each part of the model.

    Attributes:
        encoder: Of the encoder's layers.
        decoder: Of the decoder's.
        encoder_float: Of what stays exact beside 8 bits in the encoder: convolutions, the first layer, attention.
    """

    encoder: Precision
    decoder: Precision
    encoder_float: Precision = Precision.FLOAT32

    def __str__(self) -> str:
        hears = (
            f"{self.encoder} with {self.encoder_float} attention"
            if self.encoder is Precision.INT8
            else str(self.encoder)
        )
        return hears if self.encoder is self.decoder else f"{hears} and {self.decoder}"


def choose(encoder: str, decoder: str, dims: ModelDimensions, device: torch.device, cache: Path) -> PrecisionPlan:
    """The formats to use.

    Args:
        encoder: A ``Precision``, or "auto".
        decoder: Likewise.
        dims: Sizes of the model.
        device: Where it runs; on CUDA "auto" is float16, which was never run here.
        cache: A file that remembers measurements; need not exist.

    Raises:
        EngineError: torch cannot do what was asked for on this device.
    """
    if device.type != "cpu":
        fast = PrecisionPlan(Precision.FLOAT16, Precision.FLOAT16)
    elif "auto" in {encoder, decoder} or encoder == Precision.INT8:
        fast = _load_or_measure(dims, cache)
    else:
        fast = PrecisionPlan(Precision.FLOAT32, Precision.FLOAT32)  # not used
    chosen = PrecisionPlan(
        fast.encoder if encoder == "auto" else Precision(encoder),
        fast.decoder if decoder == "auto" else Precision(decoder),
    )
    if chosen.encoder is Precision.INT8:
        chosen = replace(chosen, encoder_float=fast.encoder_float)
    for part in {chosen.encoder, chosen.decoder}:
        _require_files(part, device)
    return chosen


def measure(dims: ModelDimensions) -> dict[str, dict[str, float]]:
    """Seconds of a feed-forward layer in each format that works here, for ``encoder`` and ``decoder``."""
    return {
        "encoder": {p.value: _time_layer(p, dims.width, WINDOW_POSITIONS) for p in MIN_SPEEDUP if _is_supported(p)},
        "decoder": {p.value: _time_layer(p, dims.width, 1) for p in MIN_SPEEDUP if _is_supported(p)},
    }


def fastest(times: dict[str, float]) -> Precision:
    """The format whose gain is worth its errors."""
    return Precision(min(times, key=lambda p: times[p] * MIN_SPEEDUP[Precision(p)]))


def _load_or_measure(dims: ModelDimensions, cache: Path) -> PrecisionPlan:
    key = " ".join(map(str, (_cpu_signature(), torch.__version__, torch.get_num_threads(), *asdict(dims).values())))
    known: dict[str, dict[str, str]] = {}
    try:
        known = json.loads(cache.read_bytes())
        return PrecisionPlan(*(Precision(known[key][part.name]) for part in fields(PrecisionPlan)))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or a file of another version
    times = measure(dims)
    hears = times["encoder"]
    halves = hears.get(Precision.BFLOAT16, float("inf")) * MIN_BFLOAT16_SPEEDUP < hears[Precision.FLOAT32]
    beside = Precision.BFLOAT16 if halves else Precision.FLOAT32
    choice = PrecisionPlan(fastest(hears), fastest(times["decoder"]), beside)
    log.info("measured %s: %s", choice, times)
    kept = known if isinstance(known, dict) else {}
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps({**kept, key: asdict(choice)}, indent=1))
    except OSError as error:
        log.info("cannot remember it in %s: %s", cache, error)
    return choice


def _cpu_signature() -> str:
    """Tells processors apart: a home folder may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return " ".join(sorted({line.partition(":")[2].strip() for line in lines if line.startswith(("model", "flags"))}))


def _time_layer(precision: Precision, width: int, n: int) -> float:
    up, down = (make_linear(torch.randn(o, i), None, precision) for o, i in ((4 * width, width), (width, 4 * width)))
    x = torch.randn(n, width)
    best, deadline = float("inf"), time.perf_counter() + BUDGET_S
    down(up(x))  # the first run prepares
    while time.perf_counter() < deadline:
        start = time.perf_counter()
        down(up(x))
        best = min(best, time.perf_counter() - start)
    return best if best < float("inf") else _time_once(up, down, x)


def _time_once(up: Linear, down: Linear, x: torch.Tensor) -> float:
    """For a machine so slow that preparing took the whole budget."""
    start = time.perf_counter()
    down(up(x))
    return time.perf_counter() - start


def _is_supported(precision: Precision, device: torch.device | None = None) -> bool:
    try:
        make_linear(torch.ones(8, 8, device=device), None, precision)(torch.ones(2, 8, device=device))
    except (RuntimeError, AttributeError, AssertionError):  # the last: a torch without CUDA that is asked for it
        return False
    return True


def _require_files(precision: Precision, device: torch.device) -> None:
    if not _is_supported(precision, device):
        known = ", ".join(p for p in Precision if _is_supported(p, device))
        raise EngineError(f"torch has no {precision} on {device}; the choices are {known}, and auto")
