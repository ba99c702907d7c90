"""``streamstt devices``: what can be listened to, and how loud it is."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from streamstt.audio.devices.level_monitor import DeviceLevel, DeviceLevelMonitor
from streamstt.audio.devices.recorder_process import list_devices
from streamstt.audio.devices.selection import Device
from streamstt.cli.interrupts import stop_event
from streamstt.cli.options import out
from streamstt.errors import SourceError
from streamstt.terminal.device_tables import level_lines, level_verdict, show_devices, show_levels, source_input
from streamstt.terminal.live_region import LiveRegion

REFRESH_S = 0.1
PEAK_FALL_DB = 2.0  # a peak's mark falls so far at each look
NON_INTERACTIVE_S = 3.0  # how long is measured when nobody can press Ctrl-C
MAX_METERED = 16  # devices at once: each takes a process

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON list.")]


def devices(
    name: Annotated[str, typer.Argument(help="Only those with this in their name.", show_default=False)] = "",
    meter: Annotated[
        bool, typer.Option("--meter", help="Show how loud each is now: which microphone hears you?")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0.5, max=3600, help="With --meter: measure so long, and print the levels.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the microphones and the monitors of what outputs play, or show how loud they are."""
    if seconds is not None and not meter:
        raise typer.BadParameter("--seconds goes with --meter")
    found = _find_devices(name)
    if meter:
        _show_meter(found[:MAX_METERED], seconds, as_json=as_json)
        return
    if as_json:
        typer.echo(_format_json([asdict(d) | {"source": source_input(d)} for d in found]))
        return
    show_devices(out, found)
    out.print(
        "\nUse one with: streamstt run --source mic:PART OF ITS NAME. Without a name the default one is taken; what "
        "the default output plays is --source monitor. Which one hears you: streamstt devices --meter",
        highlight=False,
        markup=False,
        style="dim",
    )


def _find_devices(name_part: str) -> list[Device]:
    listed = list_devices()
    if not listed:
        raise SourceError(
            "this machine has no microphone that can be seen, and no output of a sound server: connect one, or let "
            "another machine send its sound (streamstt run --source ws)"
        )
    sought = name_part.casefold()
    found = [d for d in listed if sought in f"{d.name}\n{d.title}\n{source_input(d)}".casefold()]
    if not found:
        listing = "".join(f"\n  {d}" for d in listed)
        raise SourceError(f"there is no device with {name_part!r} in its name; those that are:{listing}")
    return found


def _show_meter(found: Sequence[Device], seconds: float | None, *, as_json: bool) -> None:
    lively = out.is_terminal and not out.is_dumb_terminal and not as_json
    if seconds is None and not lively:
        seconds = NON_INTERACTIVE_S
    with stop_event() as end, DeviceLevelMonitor(found) as metering:
        area = LiveRegion(out)
        try:
            _measure(metering, area if lively else None, seconds, end)
        finally:
            area.close()
        levels = metering.read()
    if as_json:
        typer.echo(_format_json([_level_record(m) for m in levels]))
    else:
        show_levels(out, levels)
    if all(m.overall is None for m in levels):
        raise SourceError(f"none of them could be heard: {level_verdict(levels[0])}")


def _measure(
    monitor: DeviceLevelMonitor, region: LiveRegion | None, seconds: float | None, stop: threading.Event
) -> None:
    """Draws until the time is over, or somebody ends it."""
    until = None if seconds is None else time.monotonic() + seconds
    marks: list[float] = []
    while not stop.wait(REFRESH_S) and (until is None or time.monotonic() < until):
        measured = monitor.read()
        peaks = [m.current.peak if m.current else -100.0 for m in measured]
        marks = [max(p, mark - PEAK_FALL_DB) for p, mark in zip(peaks, marks or peaks, strict=True)]
        if region:
            region.draw(level_lines(measured, marks, region.width))


def _level_record(level: DeviceLevel) -> dict[str, Any]:
    whole = level.overall
    return {
        "source": source_input(level.device),
        "title": level.device.title,
        "kind": level.device.kind,
        "default": level.device.default,
        "rms": whole.rms if whole else None,
        "peak": whole.peak if whole else None,
        "verdict": level_verdict(level),
    }


def _format_json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False)
