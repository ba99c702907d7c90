"""Tables and lines of audio devices and their levels."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.audio.devices.level_monitor import DeviceLevel
from streamstt.audio.devices.selection import Device
from streamstt.audio.level import AudioLevel
from streamstt.terminal.level_bar import CLIPPING_DB, SILENCE_DB, bar, format_decibels
from streamstt.terminal.text import fit
from streamstt.text.characters import replace_controls

KIND_NAMES = {"mic": "microphone", "monitor": "output monitor"}
FAINT_DB = -55.0  # peak level of a quiet room; speech into the right microphone is far above
NAME_COLUMNS = 34


def source_input(device: Device) -> str:
    """Returns the value of ``--source`` that selects exactly this device."""
    return f"{device.kind}:{device.index if device.system == 'portaudio' else device.name}"


def show_devices(console: Console, devices: Sequence[Device]) -> None:
    """Prints a table of devices."""
    columns = (Column("--source", overflow="fold"), Column("device", overflow="fold"), "channels", "Hz", "")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for device in devices:
        marks = [mark for mark, holds in (("default", device.default), ("muted", device.muted)) if holds]
        description = Text(f"{KIND_NAMES[device.kind]}: {replace_controls(device.title)}")
        table.add_row(
            Text(source_input(device)),
            description,
            str(device.channels),
            str(device.rate),
            Text(", ".join(marks), "green"),
        )
    console.print(table)


def level_lines(levels: Sequence[DeviceLevel], peak_marks: Sequence[float], width: int) -> list[Text]:
    """Renders the current level of each device on a line.

    Args:
        levels: Levels of the devices.
        peak_marks: Position of each peak mark (dBFS).
        width: Columns per line.
    """
    name = min(NAME_COLUMNS, max(12, width // 3))
    lines = []
    for level, mark in zip(levels, peak_marks, strict=True):
        device = level.device
        style = "bold" if device.default else ""
        line = Text.assemble((f"{device.kind:8}", "dim"), (fit(replace_controls(device.title), name), style), " ")
        room = width - line.cell_len - 9
        if level.problem:
            lines.append(
                line + Text(fit(replace_controls(_first_line(level.problem)), max(0, room + 9)).rstrip(), "red")
            )
        elif level.current is None:
            lines.append(line + Text("opening" if level.overall is None else "no audio", "dim"))
        else:
            lines.append(
                line + bar(level.current.rms, mark, min(room, 60)) + Text(format_decibels(level.current.rms), "dim")
            )
    return lines


def show_levels(console: Console, levels: Sequence[DeviceLevel]) -> None:
    """Prints a table of the overall level of each device."""
    columns = (Column("--source", overflow="fold"), Column("level", justify="right"), Column("peak", justify="right"))
    table = Table(*columns, Column("", overflow="fold"), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for level in levels:
        overall = level.overall
        cells = (format_decibels(overall.rms), format_decibels(overall.peak)) if overall else ("", "")
        table.add_row(Text(source_input(level.device)), *cells, Text(level_verdict(level)))
    console.print(table)


def level_verdict(level: DeviceLevel) -> str:
    """Describes the overall level of a device in a few words."""
    if level.problem:
        return _first_line(level.problem)
    if level.overall and level.device.kind == "monitor" and level.overall.peak <= SILENCE_DB:
        return "nothing is being played"
    return describe_level(level.overall) if level.overall else "no audio"


def describe_level(level: AudioLevel) -> str:
    """Describes the level of a microphone in a few words."""
    if level.peak <= SILENCE_DB:
        return "silence: muted, or nothing is connected"
    if level.peak >= CLIPPING_DB:
        return "too loud: turn its volume down"
    return "very quiet" if level.peak < FAINT_DB else "picks up sound"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
