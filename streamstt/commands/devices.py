"""``streamstt devices``: what can be listened to."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table

from streamstt.audio.devices import Device
from streamstt.audio.recording import list_devices
from streamstt.commands.options import out
from streamstt.errors import SourceError


def devices(as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List the microphones, and the monitors of what outputs play."""
    found = list_devices()
    if not found:
        raise SourceError("this machine has no microphone that can be seen, and no output of a sound server")
    if as_json:
        typer.echo(json.dumps([asdict(d) | {"source": _source(d)} for d in found], indent=1, ensure_ascii=False))
        return
    table = Table(Column("--source", overflow="fold"), Column("what it is", overflow="fold"), "channels", "Hz", "")
    for device in found:
        marks = [mark for mark, holds in (("default", device.default), ("muted", device.muted)) if holds]
        what = f"{_WHAT[device.kind]}: {device.title}"
        table.add_row(_source(device), what, str(device.channels), str(device.rate), ", ".join(marks))
    out.print(table)
    out.print(
        "Use one with: streamstt run --source mic:PART OF ITS NAME. Without a name the default one is taken; what the "
        "default output plays is --source monitor.",
        highlight=False,
        markup=False,
    )


_WHAT = {"mic": "microphone", "monitor": "what is played"}


def _source(device: Device) -> str:
    """How it is chosen for sure."""
    return f"{device.kind}:{device.index if device.system == 'portaudio' else device.name}"
