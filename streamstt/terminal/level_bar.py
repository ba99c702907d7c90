"""A level as a bar: how loud a microphone is, for people who look whether it hears them. Pure."""

from itertools import groupby

from rich.text import Text

QUIET_DB, LOUD_DB, CLIPPING_DB = -60.0, -12.0, -1.0
FILLED, EMPTY, PEAK_MARK = "━", "─", "┃"
SILENCE_DB = -90.0  # exact zeros, or as good as: nothing is connected, or it is muted


def bar(rms: float, peak: float, width: int) -> Text:
    """A bar of so many columns.

    Args:
        rms: dB below full scale: how far it is filled.
        peak: The same of the loudest sample: where the mark is.
        width: Columns.
    """
    if width <= 0:
        return Text()
    filled = round(_filled_share(rms) * width)
    mark = round(_filled_share(peak) * (width - 1)) if peak > QUIET_DB else -1
    steps = [_bar_cell(i, width, filled, mark, peak) for i in range(width)]
    runs = (("".join(sign for sign, _ in run), style) for style, run in groupby(steps, key=lambda step: step[1]))
    return Text.assemble(*runs)


def _bar_cell(i: int, width: int, filled: int, mark: int, peak: float) -> tuple[str, str]:
    """One column of a bar: its sign and its style."""
    if i == mark:
        return PEAK_MARK, _color(peak)
    return (FILLED, _color(QUIET_DB + (i + 1) / width * -QUIET_DB)) if i < filled else (EMPTY, "dim")


def format_decibels(db: float) -> str:
    """A level in eight columns: ``  -31 dB``."""
    return f"{db:5.0f} dB" if db > SILENCE_DB else " silence"


def _filled_share(db: float) -> float:
    return min(1.0, max(0.0, 1 - db / QUIET_DB))


def _color(db: float) -> str:
    if db >= CLIPPING_DB:
        return "red"
    return "yellow" if db >= LOUD_DB else "green"
