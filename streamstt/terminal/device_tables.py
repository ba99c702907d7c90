"""How devices and their levels look in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.audio.devices.level_monitor import DeviceLevel
from streamstt.audio.devices.selection import Device
from streamstt.audio.level import AudioLevel
from streamstt.terminal.level_bar import CLIPPING_DB, SILENCE_DB, bar, format_decibels
from streamstt.terminal.text import fit, replace_controls

KIND_NAMES = {"mic": "microphone", "monitor": "what is played"}
FAINT_DB = -55.0  # the loudest sample of a quiet room; speech at a microphone that is meant is far above
NAME_COLUMNS = 34  # columns


def source_input(device: Device) -> str:
    """How it is chosen for sure, with ``--source``."""
    return f"{device.kind}:{device.index if device.system == 'portaudio' else device.name}"


def show_devices(console: Console, devices: Sequence[Device]) -> None:
    """A table of what can be listened to."""
    columns = (Column("--source", overflow="fold"), Column("what it is", overflow="fold"), "channels", "Hz", "")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for device in devices:
        marks = [mark for mark, holds in (("default", device.default), ("muted", device.muted)) if holds]
        what = Text(f"{KIND_NAMES[device.kind]}: {replace_controls(device.title)}")
        table.add_row(
            Text(source_input(device)), what, str(device.channels), str(device.rate), Text(", ".join(marks), "green")
        )
    console.print(table)


def level_lines(levels: Sequence[DeviceLevel], peak_marks: Sequence[float], width: int) -> list[Text]:
    """A line for each device as it sounds now.

    Args:
        levels: All of them.
        peak_marks: Where each one's peak stood a moment ago (dB).
        width: Columns.
    """
    name = min(NAME_COLUMNS, max(12, width // 3))
    lines = []
    for of_device, mark in zip(levels, peak_marks, strict=True):
        device = of_device.device
        style = "bold" if device.default else ""
        line = Text.assemble((f"{device.kind:8}", "dim"), (fit(replace_controls(device.title), name), style), " ")
        room = width - line.cell_len - 9
        if of_device.problem:
            lines.append(
                line + Text(fit(replace_controls(_first_line(of_device.problem)), max(0, room + 9)).rstrip(), "red")
            )
        elif of_device.current is None:
            lines.append(line + Text("opening" if of_device.overall is None else "no audio", "dim"))
        else:
            lines.append(
                line
                + bar(of_device.current.rms, mark, min(room, 60))
                + Text(format_decibels(of_device.current.rms), "dim")
            )
    return lines


def show_levels(console: Console, levels: Sequence[DeviceLevel]) -> None:
    """A table of what each device gave from beginning to end."""
    columns = (Column("--source", overflow="fold"), Column("level", justify="right"), Column("peak", justify="right"))
    table = Table(*columns, Column("", overflow="fold"), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for of_device in levels:
        whole = of_device.overall
        cells = (format_decibels(whole.rms), format_decibels(whole.peak)) if whole else ("", "")
        table.add_row(Text(source_input(of_device.device)), *cells, Text(level_verdict(of_device)))
    console.print(table)


def level_verdict(level: DeviceLevel) -> str:
    """What its levels say of a device, in a few words."""
    if level.problem:
        return _first_line(level.problem)
    if level.overall and level.device.kind == "monitor" and level.overall.peak <= SILENCE_DB:
        return "nothing is played"
    return describe_level(level.overall) if level.overall else "no audio came"


def describe_level(level: AudioLevel) -> str:
    """What a level says of a microphone."""
    if level.peak <= SILENCE_DB:
        return "no sound at all: muted, or nothing is connected"
    if level.peak >= CLIPPING_DB:
        return "too loud: turn its volume down"
    return "hears little" if level.peak < FAINT_DB else "hears something"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
