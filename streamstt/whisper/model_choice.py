"""Which model ``engine.model = "auto"`` stands for: measured seconds go in, a choice comes out. Pure.

The largest model is chosen that this machine carries live with headroom. It must not know how speed and memory are
measured, nor where models come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamstt.config.settings import EngineSettings, Settings

AUTO = "auto"
ENGLISH = "en"

HEADROOM_SHARE = (
    0.6  # of the time, in which the updates of all sources must fit: finals and other programs need the rest
)
MAX_STRETCH = (
    2.0  # times the interval of the settings to which updates may be stretched before a smaller model is better
)


@dataclass(frozen=True, slots=True)
class ModelSize:
    """A size of model that may be chosen.

    Attributes:
        name: Short name, without ``.en``.
        parameters_m: Millions of parameters.
        english_variant: Whether there is also a model for English only, ``NAME.en``.
        english_only: Whether it knows only English.
        can_translate: Whether it was trained to translate into English.
        gpu_only: Whether it is only for a GPU: on a CPU its encoder costs as much as that of a large model.
    """

    name: str
    parameters_m: int
    english_variant: bool = False
    english_only: bool = False
    can_translate: bool = True
    gpu_only: bool = False


SIZES = (
    ModelSize("tiny", 39, english_variant=True),
    ModelSize("base", 74, english_variant=True),
    ModelSize("small", 244, english_variant=True),
    ModelSize("medium", 769, english_variant=True),
    ModelSize("distil-large-v3", 756, english_only=True, can_translate=False, gpu_only=True),
    ModelSize("large-v3-turbo", 809, can_translate=False, gpu_only=True),
    ModelSize("large-v3", 1550),
)
"""From the worst words to the best."""
SMALLEST_WANTED = "base"  # a smaller one is chosen only if this one cannot be live at all


@dataclass(frozen=True, slots=True)
class Demand:
    """What a model is chosen for.

    Attributes:
        sources: Number of sources that may speak at once; at least 1.
        interval_s: Interval of updates in the settings.
        languages: Language codes of the settings; "auto" and clients' own languages stand for all.
        translate: Whether it translates into English.
        on_gpu: Whether the model runs on a GPU.
    """

    sources: int = 1
    interval_s: float = 0.6
    languages: frozenset[str] = frozenset({"auto"})
    translate: bool = False
    on_gpu: bool = False

    @property
    def only_english(self) -> bool:
        """Whether a model for English only will do."""
        return self.languages == {ENGLISH} and not self.translate


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model that was chosen.

    Attributes:
        name: Its short name.
        update_s: Seconds of a typical update, as measured; None: not measured.
        larger: The next larger model; empty: there is none.
        obstacle: Why it is not the larger one, as the end of a sentence.
    """

    name: str
    update_s: float | None = None
    larger: str = ""
    obstacle: str = ""

    def __str__(self) -> str:
        """Describes it for logs and for ``streamstt check``."""
        speed = f", {format_ms(self.update_s)} an update" if self.update_s else ""
        return f"{self.name}{speed}" + (f"; {self.larger} {self.obstacle}" if self.larger else "")


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """What was measured for a model.

    Attributes:
        update_s: Seconds of a typical update.
        formats: The number formats to use, in words.
    """

    update_s: float
    formats: str


class Speeds(Protocol):
    """The speeds of models on a machine; ``live_speed.MachineSpeeds`` knows and measures those of this one."""

    def promised_update_s(self, settings: EngineSettings, model: str) -> float | None:
        """Returns the seconds that a typical update takes when nothing else runs; None: not measured yet."""
        ...

    def measure_again(self, settings: EngineSettings, model: str) -> MeasuredSpeed:
        """Measures number formats and speed for a model, and replaces what is remembered."""
        ...

    def local_models(self, settings: Settings) -> tuple[str, ...]:
        """Returns the models on this machine that suit the settings, from the worst words to the best."""
        ...


def make_demand(settings: Settings) -> Demand:
    """Returns what the settings demand of a model; whether it runs on a GPU is known only to torch."""
    engine = settings.engine
    return Demand(
        sources=max(1, len(settings.source)),
        interval_s=settings.speech.update_ms / 1000,
        languages=frozenset({engine.language, *(s.language or engine.language for s in settings.source)}),
        translate=engine.task == "translate",
    )


def suitable_sizes(demand: Demand) -> tuple[ModelSize, ...]:
    """Returns the sizes that can do what is wanted, however slowly, from the worst words to the best."""
    return tuple(
        size
        for size in SIZES
        if (demand.on_gpu or not size.gpu_only)
        and (demand.only_english or not size.english_only)
        and (size.can_translate or not demand.translate)
    )


def variants(size: ModelSize, demand: Demand) -> tuple[str, ...]:
    """Returns the short names of the models of one size, the best first."""
    return (f"{size.name}.en", size.name) if size.english_variant and demand.only_english else (size.name,)


def size_of(model: str) -> str:
    """Returns the name of a model's size, by its short name."""
    return model.removesuffix(".en")


def is_carried(size: str, update_s: float, demand: Demand) -> bool:
    """Returns whether a machine carries a model live with headroom.

    Args:
        size: Name of its size. Below ``SMALLEST_WANTED`` words become so much worse that seldom updates are better.
        update_s: Seconds of a typical update.
        demand: What it is for.
    """
    busy_s = update_s * max(1, demand.sources)
    names = [s.name for s in SIZES]
    stretch = MAX_STRETCH if names.index(size) <= names.index(SMALLEST_WANTED) else 1.0
    return busy_s <= HEADROOM_SHARE * demand.interval_s * stretch


def measure_upward(
    demand: Demand, measure: Callable[[ModelSize], float], has_memory: Callable[[ModelSize], bool]
) -> tuple[dict[str, float], str]:
    """Measures sizes from the smallest wanted one up, until one is too much for the machine, on a GPU all.

    Args:
        demand: What the model is for.
        measure: Returns the seconds of an update with a model of this size.
        has_memory: Returns whether there is memory for it.

    Returns:
        Seconds of an update by name of the size, and the size for which there is no memory; empty: there is for all.
    """
    measured: dict[str, float] = {}
    names = [s.name for s in SIZES]
    sizes = [s for s in suitable_sizes(demand) if names.index(s.name) >= names.index(SMALLEST_WANTED)]
    for size in sizes:
        if size.name != SMALLEST_WANTED and not has_memory(size):
            return measured, size.name
        measured[size.name] = measure(size)
        if not (demand.on_gpu or is_carried(size.name, measured[size.name], demand)):
            break
    smallest = next(s for s in SIZES if s.name == SMALLEST_WANTED)
    if not is_carried(SMALLEST_WANTED, measured[SMALLEST_WANTED], demand):
        smaller = SIZES[SIZES.index(smallest) - 1]
        measured[smaller.name] = measure(smaller)
    return measured, ""


def choose(
    measured: Mapping[str, float],
    demand: Demand,
    is_local: Callable[[str], bool],
    can_fetch: Callable[[str], bool],
    no_memory: str = "",
) -> ModelChoice:
    """Chooses the best model that is carried and can be had.

    Args:
        measured: Seconds of an update by name of the size.
        demand: What the model is for.
        is_local: Returns whether a model, by its short name, is on this machine.
        can_fetch: Returns whether it can be fetched; called only for models that are not on this machine.
        no_memory: Size for which there is no memory; empty: none.

    Returns:
        The choice. If nothing is both carried and to be had, the smallest on this machine; if there is none,
        ``SMALLEST_WANTED``, because fetching it tells the user why not.
    """
    sizes = [size for size in suitable_sizes(demand) if size.name in measured]
    larger, obstacle = no_memory, "needs more memory than is free" if no_memory else ""
    for size in reversed(sizes):
        update_s = measured[size.name]
        if is_carried(size.name, update_s, demand):
            names = variants(size, demand)
            name = next(filter(is_local, names), "") or next(filter(can_fetch, names), "")
            if name:
                return ModelChoice(name, update_s, larger, obstacle)
            larger, obstacle = size.name, f"would be fast enough: streamstt models fetch {size.name}"
        else:
            larger, obstacle = size.name, f"would be too slow, {format_ms(update_s)} an update"
    for size in suitable_sizes(demand):
        if name := next(filter(is_local, variants(size, demand)), ""):
            return ModelChoice(name, measured.get(size.name))
    return ModelChoice(SMALLEST_WANTED, measured.get(SMALLEST_WANTED))


def neighbor(current: str, names: Sequence[str], step: int) -> str:
    """Returns the model before (-1) or after (1) the present one.

    Args:
        current: Short name of the present model.
        names: Short names of the models to be had, from the worst words to the best.
        step: -1 or 1.

    Returns:
        Its short name; empty: there is none.
    """
    if current not in names:
        return ""
    index = list(names).index(current) + step
    return names[index] if 0 <= index < len(names) else ""


def format_ms(seconds: float) -> str:
    """Returns a time in milliseconds, for people."""
    return f"{1000 * seconds:.0f} ms"
