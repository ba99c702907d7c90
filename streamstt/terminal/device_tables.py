"""How devices and their levels look in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.audio.devices.level_monitor import DeviceLevel
from streamstt.audio.devices.selection import Device
from streamstt.audio.level import AudioLevel
from streamstt.terminal.level_bar import CLIPPING_DB, SILENCE_DB, bar, decibels
from streamstt.terminal.text import fitted, harmless

WHAT = {"mic": "microphone", "monitor": "what is played"}
FAINT_DB = -55.0  # the loudest sample of a quiet room; speech at a microphone that is meant is far above
NAME = 34  # columns


def source_of(device: Device) -> str:
    """How it is chosen for sure, with ``--source``."""
    return f"{device.kind}:{device.index if device.system == 'portaudio' else device.name}"


def show_devices(console: Console, devices: Sequence[Device]) -> None:
    """A table of what can be listened to."""
    columns = (Column("--source", overflow="fold"), Column("what it is", overflow="fold"), "channels", "Hz", "")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for device in devices:
        marks = [mark for mark, holds in (("default", device.default), ("muted", device.muted)) if holds]
        what = Text(f"{WHAT[device.kind]}: {harmless(device.title)}")
        table.add_row(
            Text(source_of(device)), what, str(device.channels), str(device.rate), Text(", ".join(marks), "green")
        )
    console.print(table)


def meters(measured: Sequence[DeviceLevel], marks: Sequence[float], width: int) -> list[Text]:
    """A line for each device as it sounds now.

    Args:
        measured: All of them.
        marks: Where each one's peak stood a moment ago (dB).
        width: Columns.
    """
    name = min(NAME, max(12, width // 3))
    lines = []
    for of_device, mark in zip(measured, marks, strict=True):
        device = of_device.device
        style = "bold" if device.default else ""
        line = Text.assemble((f"{device.kind:8}", "dim"), (fitted(harmless(device.title), name), style), " ")
        room = width - line.cell_len - 9
        if of_device.problem:
            lines.append(line + Text(fitted(harmless(_first(of_device.problem)), max(0, room + 9)).rstrip(), "red"))
        elif of_device.current is None:
            lines.append(line + Text("opening" if of_device.overall is None else "no audio", "dim"))
        else:
            lines.append(
                line + bar(of_device.current.rms, mark, min(room, 60)) + Text(decibels(of_device.current.rms), "dim")
            )
    return lines


def show_levels(console: Console, measured: Sequence[DeviceLevel]) -> None:
    """A table of what each device gave from beginning to end."""
    columns = (Column("--source", overflow="fold"), Column("level", justify="right"), Column("peak", justify="right"))
    table = Table(*columns, Column("", overflow="fold"), box=None, padding=(0, 2, 0, 0), header_style="dim")
    for of_device in measured:
        whole = of_device.overall
        cells = (decibels(whole.rms), decibels(whole.peak)) if whole else ("", "")
        table.add_row(Text(source_of(of_device.device)), *cells, Text(judge(of_device)))
    console.print(table)


def judge(measured: DeviceLevel) -> str:
    """What its levels say of a device, in a few words."""
    if measured.problem:
        return _first(measured.problem)
    if measured.overall and measured.device.kind == "monitor" and measured.overall.peak <= SILENCE_DB:
        return "nothing is played"
    return in_words(measured.overall) if measured.overall else "no audio came"


def in_words(loudness: AudioLevel) -> str:
    """What a level says of a microphone."""
    if loudness.peak <= SILENCE_DB:
        return "no sound at all: muted, or nothing is connected"
    if loudness.peak >= CLIPPING_DB:
        return "too loud: turn its volume down"
    return "hears little" if loudness.peak < FAINT_DB else "hears something"


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
