"""``streamstt devices``: lists the audio devices, and shows their levels."""

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
PEAK_FALL_DB = 2.0  # fall of the peak mark per refresh
NON_INTERACTIVE_S = 3.0  # duration of the measurement if it is not shown in a terminal
MAX_METERED = 16  # devices measured at the same time: each needs a process

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON list.")]


def devices(
    name: Annotated[str, typer.Argument(help="Only devices with this text in their name.", show_default=False)] = "",
    meter: Annotated[
        bool, typer.Option("--meter", help="Show the level of each, to find out which microphone hears you.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.5, max=3600, help="With --meter: measure for this long (s), then print the levels."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List microphones and output monitors (what is played), or show their levels."""
    if seconds is not None and not meter:
        raise typer.BadParameter("--seconds needs --meter")
    selected = _find_devices(name)
    if meter:
        _show_meter(selected[:MAX_METERED], seconds, as_json=as_json)
        return
    if as_json:
        typer.echo(_format_json([asdict(d) | {"source": source_input(d)} for d in selected]))
        return
    show_devices(out, selected)
    out.print(
        "\nUse one with: streamstt run --source mic:PART-OF-ITS-NAME; --source mic is the default microphone, "
        "--source monitor is what the default output plays. To see which one hears you: streamstt devices --meter",
        highlight=False,
        markup=False,
        style="dim",
    )


def _find_devices(name_part: str) -> list[Device]:
    listed = list_devices()
    if not listed:
        raise SourceError(
            "no microphone and no output of a sound server was found: connect a microphone, or send audio from another "
            "machine (streamstt run --source ws)"
        )
    text = name_part.casefold()
    selected = [d for d in listed if text in f"{d.name}\n{d.title}\n{source_input(d)}".casefold()]
    if not selected:
        listing = "".join(f"\n  {d}" for d in listed)
        raise SourceError(f"no device has {name_part!r} in its name; the devices are:{listing}")
    return selected


def _show_meter(selected: Sequence[Device], seconds: float | None, *, as_json: bool) -> None:
    interactive = out.is_terminal and not out.is_dumb_terminal and not as_json
    if seconds is None and not interactive:
        seconds = NON_INTERACTIVE_S
    with stop_event() as stop, DeviceLevelMonitor(selected) as monitor:
        region = LiveRegion(out)
        try:
            _measure(monitor, region if interactive else None, seconds, stop)
        finally:
            region.close()
        levels = monitor.read()
    if as_json:
        typer.echo(_format_json([_level_record(m) for m in levels]))
    else:
        show_levels(out, levels)
    if all(m.overall is None for m in levels):
        raise SourceError(f"no device delivered audio: {level_verdict(levels[0])}")


def _measure(
    monitor: DeviceLevelMonitor, region: LiveRegion | None, seconds: float | None, stop: threading.Event
) -> None:
    """Measures and draws until the time is over or ``stop`` is set."""
    until = None if seconds is None else time.monotonic() + seconds
    marks: list[float] = []
    while not stop.wait(REFRESH_S) and (until is None or time.monotonic() < until):
        levels = monitor.read()
        peaks = [m.current.peak if m.current else -100.0 for m in levels]
        marks = [max(p, mark - PEAK_FALL_DB) for p, mark in zip(peaks, marks or peaks, strict=True)]
        if region:
            region.draw(level_lines(levels, marks, region.width))


def _level_record(level: DeviceLevel) -> dict[str, Any]:
    overall = level.overall
    return {
        "source": source_input(level.device),
        "title": level.device.title,
        "kind": level.device.kind,
        "default": level.device.default,
        "rms": overall.rms if overall else None,
        "peak": overall.peak if overall else None,
        "verdict": level_verdict(level),
    }


def _format_json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False)
