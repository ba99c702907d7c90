"""Chooses number formats by measuring which are fastest on this machine; a CPU's name says too little.

The formats take turns, and the minimum of each counts: a moment in which the machine is busy affects all of them and
decides nothing. Measuring takes a second. The result is cached per CPU, torch version, thread count and model size.
"""

import json
import logging
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from streamstt.errors import EngineError
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.network.linear import Linear, Precision, make_linear

WINDOW_POSITIONS = 300  # positions of the encoder in a typical update (6 s)
MIN_BFLOAT16_SPEEDUP = 1.5  # over float32, to be used beside int8; on some CPUs bfloat16 is far slower
BUDGET_S = 0.15  # seconds of measuring, for each format and part
MIN_SPEEDUP = {Precision.FLOAT32: 1.0, Precision.BFLOAT16: 1.0, Precision.INT8: 1.25}
"""Formats that "auto" may choose, and how much faster each must be to be preferred. The errors of int8 are the largest,
although their effect on words could not be distinguished from chance (docs/performance.md)."""

LayerTimes = dict[str, dict[str, float]]
"""Seconds of a layer by number format, for ``encoder`` and ``decoder``."""
BuildLinear = Callable[[torch.Tensor, torch.Tensor | None, Precision], Linear]
"""Builds a linear layer, as ``make_linear``."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """The number format of each part of a model.

    Attributes:
        encoder: Format of the encoder's linear layers.
        decoder: Format of the decoder's linear layers.
        encoder_float: Format of what stays in floating point in an int8 encoder: convolutions, first attention, scores.
    """

    encoder: Precision
    decoder: Precision
    encoder_float: Precision = Precision.FLOAT32

    def __str__(self) -> str:
        encoder = str(self.encoder)
        if self.encoder is Precision.INT8:
            encoder += f" with {self.encoder_float} attention"
        return encoder if self.encoder is self.decoder else f"{encoder} and {self.decoder}"


def measure(
    dims: ModelDimensions, *, build_linear: BuildLinear = make_linear, budget_s: float = BUDGET_S
) -> LayerTimes:
    """Times a feed-forward layer in each format that torch supports here.

    Args:
        dims: Sizes of the model.
        build_linear: Builds the linear layers to time.
        budget_s: Seconds for each format and part.
    """
    formats = [precision for precision in MIN_SPEEDUP if _is_supported(build_linear, precision)]
    rows = {"encoder": WINDOW_POSITIONS, "decoder": 1}
    return {part: _time_layers(build_linear, formats, dims.width, n, budget_s) for part, n in rows.items()}


CPU_LINES = ("model", "flags", "Model", "Features", "CPU implementer", "CPU part")  # of x86 and of ARM


def machine_signature(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Identifies what measurements depend on besides the model: CPU, torch version and thread count.

    A home directory, and with it the cache, may be shared by several machines.

    Args:
        cpuinfo: The kernel's description of the CPU.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        cpu = f"{platform.machine()} {platform.processor()}"
    else:
        cpu = " ".join(sorted({line.partition(":")[2].strip() for line in lines if line.startswith(CPU_LINES)}))
    return f"{cpu} {torch.__version__} {torch.get_num_threads()}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the choice depends on besides model and settings.

    Attributes:
        time_formats: Times a layer of a model in each format.
        signature: Identifies the machine among those that share a cache.
        build_linear: Builds a linear layer; fails for a format that torch does not support.
    """

    time_formats: Callable[[ModelDimensions], LayerTimes] = measure
    signature: Callable[[], str] = machine_signature
    build_linear: BuildLinear = make_linear


THIS_MACHINE = Machine()


def choose(
    encoder: str,
    decoder: str,
    dims: ModelDimensions,
    device: torch.device,
    cache: Path,
    machine: Machine = THIS_MACHINE,
) -> PrecisionPlan:
    """Returns the number formats to use.

    Args:
        encoder: A ``Precision``, or "auto".
        decoder: Likewise.
        dims: Sizes of the model.
        device: Where it runs; on CUDA "auto" is float16.
        cache: File of earlier measurements; need not exist.
        machine: What the formats are chosen for.

    Raises:
        EngineError: torch does not support a format on this device.
    """
    if device.type != "cpu":
        fastest_plan = PrecisionPlan(Precision.FLOAT16, Precision.FLOAT16)
    elif "auto" in {encoder, decoder} or encoder == Precision.INT8:
        fastest_plan = _read_cached(dims, cache, machine) or measure_again(dims, cache, machine)
    else:
        fastest_plan = PrecisionPlan(Precision.FLOAT32, Precision.FLOAT32)  # not used
    plan = PrecisionPlan(
        fastest_plan.encoder if encoder == "auto" else Precision(encoder),
        fastest_plan.decoder if decoder == "auto" else Precision(decoder),
    )
    if plan.encoder is Precision.INT8:
        plan = replace(plan, encoder_float=fastest_plan.encoder_float)
    for precision in {plan.encoder, plan.decoder}:
        _require_supported(machine.build_linear, precision, device)
    return plan


def fastest(times: dict[str, float]) -> Precision:
    """Returns the format to prefer, given the seconds of each: the fastest whose gain outweighs its errors."""
    return Precision(min(times, key=lambda name: times[name] * MIN_SPEEDUP[Precision(name)]))


def measure_again(dims: ModelDimensions, cache: Path, machine: Machine = THIS_MACHINE) -> PrecisionPlan:
    """Measures which formats are fastest, and replaces earlier measurements; arguments as of ``choose``."""
    times = machine.time_formats(dims)
    for part, by_format in times.items():
        log.info("measured %s layer: %s", part, ", ".join(f"{p} {_format_ms(s)}" for p, s in by_format.items()))
    encoder = times["encoder"]
    bfloat16_s = encoder.get(Precision.BFLOAT16, float("inf"))
    use_bf16 = bfloat16_s * MIN_BFLOAT16_SPEEDUP < encoder[Precision.FLOAT32]
    plan = PrecisionPlan(
        fastest(encoder), fastest(times["decoder"]), Precision.BFLOAT16 if use_bf16 else Precision.FLOAT32
    )
    entries = _read_cache(cache) | {_cache_key(dims, machine): asdict(plan)}
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(entries, indent=1))
    except OSError as error:
        log.info("cannot store these measurements in %s: %s", cache, error)
    return plan


def _read_cached(dims: ModelDimensions, cache: Path, machine: Machine) -> PrecisionPlan | None:
    """Returns the formats that were measured before; None: not yet, or by another version."""
    try:
        entry = _read_cache(cache)[_cache_key(dims, machine)]
        return PrecisionPlan(*(Precision(entry[part.name]) for part in fields(PrecisionPlan)))
    except (ValueError, KeyError, TypeError):
        return None


def _read_cache(cache: Path) -> dict[str, Any]:
    try:
        entries = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _cache_key(dims: ModelDimensions, machine: Machine) -> str:
    return " ".join(map(str, (machine.signature(), *asdict(dims).values())))


def _format_ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2g} ms"


def _time_layers(
    build_linear: BuildLinear, formats: Sequence[Precision], width: int, n: int, budget_s: float
) -> dict[str, float]:
    """Returns the minimum time of a feed-forward on n rows in each format, in seconds.

    A round runs each format once, and every second one in reverse order. There is at least one round after a first
    call of each; the rounds take ``budget_s`` for each format.
    """
    layers = {p.value: _feed_forward(build_linear, p, width) for p in formats}
    x = torch.randn(n, width)
    for layer in layers.values():
        layer(x)  # the first call compiles and allocates
    minimum = dict.fromkeys(layers, float("inf"))
    deadline, order = time.perf_counter() + budget_s * len(layers), list(layers)
    while True:
        for name in order:
            start = time.perf_counter()
            layers[name](x)
            minimum[name] = min(minimum[name], time.perf_counter() - start)
        order.reverse()
        if time.perf_counter() >= deadline:
            return minimum


def _feed_forward(build_linear: BuildLinear, precision: Precision, width: int) -> Linear:
    up, down = (
        build_linear(torch.randn(*shape), None, precision) for shape in ((4 * width, width), (width, 4 * width))
    )
    return lambda x: down(up(x))


def _is_supported(build_linear: BuildLinear, precision: Precision, device: torch.device | None = None) -> bool:
    try:
        build_linear(torch.ones(8, 8, device=device), None, precision)(torch.ones(2, 8, device=device))
    except (RuntimeError, AttributeError, AssertionError):  # the last: a torch without CUDA that is to use it
        return False
    return True


def _require_supported(build_linear: BuildLinear, precision: Precision, device: torch.device) -> None:
    if not _is_supported(build_linear, precision, device):
        supported = ", ".join(p for p in Precision if _is_supported(build_linear, p, device))
        raise EngineError(f"torch has no {precision} on {device}; the choices are {supported}, and auto")
