"""``streamstt devices``: what can be listened to."""

from rich.table import Column, Table

from streamstt.audio.microphone import list_devices
from streamstt.commands.options import out
from streamstt.errors import SourceError


def devices() -> None:
    """List the microphones."""
    found = list_devices()
    if not found:
        raise SourceError("this machine has no microphone that PortAudio can see")
    table = Table("index", Column("name", overflow="fold"), "channels", "Hz", "")
    for device in found:
        mark = "default" if device.default else ""
        table.add_row(str(device.index), device.name, str(device.channels), str(device.rate), mark)
    out.print(table)
    out.print("Use one with: streamstt run --source mic:INDEX, or mic:PART OF ITS NAME", highlight=False, markup=False)
