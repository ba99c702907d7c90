"""Renders an audio level as a bar, with which people check that a microphone hears them. Pure."""

from itertools import groupby

from rich.text import Text

QUIET_DB, LOUD_DB, CLIPPING_DB = -60.0, -12.0, -1.0
FILLED, EMPTY, PEAK_MARK = "━", "─", "┃"
SILENCE_DB = -90.0  # digital silence: nothing is connected, or it is muted


def bar(rms: float, peak: float, width: int) -> Text:
    """Renders a bar.

    Args:
        rms: RMS level (dBFS), up to which the bar is filled.
        peak: Peak level (dBFS), the position of the mark.
        width: Columns of the bar.
    """
    if width <= 0:
        return Text()
    filled = round(_filled_share(rms) * width)
    mark = round(_filled_share(peak) * (width - 1)) if peak > QUIET_DB else -1
    cells = [_bar_cell(i, width, filled, mark, peak) for i in range(width)]
    runs = (
        ("".join(character for character, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])
    )
    return Text.assemble(*runs)


def _bar_cell(i: int, width: int, filled: int, mark: int, peak: float) -> tuple[str, str]:
    """Returns character and style of one column."""
    if i == mark:
        return PEAK_MARK, _color(peak)
    return (FILLED, _color(QUIET_DB + (i + 1) / width * -QUIET_DB)) if i < filled else (EMPTY, "dim")


def format_decibels(db: float) -> str:
    """Formats a level in eight columns: ``  -31 dB``."""
    return f"{db:5.0f} dB" if db > SILENCE_DB else " silence"


def _filled_share(db: float) -> float:
    return min(1.0, max(0.0, 1 - db / QUIET_DB))


def _color(db: float) -> str:
    if db >= CLIPPING_DB:
        return "red"
    return "yellow" if db >= LOUD_DB else "green"
