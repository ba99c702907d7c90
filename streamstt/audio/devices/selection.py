"""What can be listened to, and which of it is meant. Pure, and light: the recorder's process imports it as well.

Two systems list devices. ``pulse`` is the sound server of a desktop, PulseAudio or PipeWire; what its outputs play can
be heard too, through their monitors. ``portaudio`` is everything else: ALSA by itself, macOS, Windows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from streamstt.errors import SourceError

DeviceKind = Literal["mic", "monitor"]
AudioBackend = Literal["pulse", "portaudio"]
ALSA_HW_SUFFIX = re.compile(r" \(hw:\d+,\d+\)$")  # ALSA's number of a card changes when it is plugged in again
OTHER_INPUTS = "--source file:PATH, --source stdin, or --source ws for remote clients"


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone, or the monitor of an output.

    Attributes:
        system: Who lists it.
        kind: What it is.
        name: As its system calls it; the same tomorrow.
        title: The same for people.
        channels: How many there are.
        rate: Its own sample rate, Hz.
        default: Whether it is the default microphone, or the monitor of the default output.
        index: PortAudio's number; -1 under a sound server, which has none that lasts.
        muted: Whether the sound server mutes it.
    """

    system: AudioBackend
    kind: DeviceKind
    name: str
    title: str
    channels: int
    rate: int
    default: bool = False
    index: int = -1
    muted: bool = False

    def __str__(self) -> str:
        if self.system == "portaudio":
            return f"{self.index}: {self.name}"
        return f"{self.title} [{self.name}]"


@dataclass(frozen=True, slots=True)
class DeviceSelector:
    """What the settings ask for.

    Attributes:
        kind: A microphone or a monitor.
        name: Index, or part of the name or title in any case; empty: the default one.
        fallback: Take the default one when it is not there.
        last_device: Name of the device that was listened to before; empty: none yet.
        system: The system that listed it; empty: none yet.
        channel: The one to listen to, from 1; 0: the mean of all.
    """

    kind: DeviceKind
    name: str = ""
    fallback: bool = False
    last_device: str = ""
    system: AudioBackend | Literal[""] = ""
    channel: int = 0

    @property
    def may_switch(self) -> bool:
        """Whether another device can be right while this one still works.

        The default output changes when headphones are plugged in, and the meeting goes with it.
        """
        return self.fallback or (self.kind == "monitor" and not self.name)

    @property
    def is_portaudio(self) -> bool:
        """Whether it is one of PortAudio's, for sure."""
        return self.system == "portaudio" or (self.name.isascii() and self.name.isdigit())

    def with_last_device(self, device: Device) -> "DeviceSelector":
        """The same, and when it is lost that very device is waited for."""
        if not self.name and self.may_switch:
            return self
        return replace(self, last_device=device.name, system=device.system)


def choose_device(selector: DeviceSelector, devices: Sequence[Device]) -> Device:
    """Finds the device that is meant.

    Args:
        selector: By the settings.
        devices: What there is.

    Raises:
        SourceError: None matches; the message lists them.
    """
    own = match_device(selector, devices)
    if own:
        return own
    found = [d for d in devices if d.kind == selector.kind]
    if found and selector.fallback:
        return _default_device(found)
    what = "microphone" if selector.kind == "mic" else "output"
    if not found:
        raise SourceError(f"{_NONE_FOUND[selector.kind]}, or caption something else: {OTHER_INPUTS}")
    listing = "".join(f"\n  {d}" for d in found)
    raise SourceError(f"there is no {what} {selector.name or selector.last_device!r}; the {what}s are:{listing}")


def match_device(selector: DeviceSelector, devices: Sequence[Device]) -> Device | None:
    """The device that is meant, and no other in its place; None if it is not there."""
    of_system = [d for d in devices if selector.system in {"", d.system}]
    found = [d for d in of_system if d.kind == selector.kind]
    if selector.name:
        return _find_last_device(selector.last_device, of_system) or _find_by_name(
            selector.name, of_system, selector.kind
        )
    if selector.last_device:
        return _find_last_device(selector.last_device, of_system)
    return _default_device(found) if found else None


def _default_device(found: list[Device]) -> Device:
    return next((d for d in found if d.default), found[0])


_NONE_FOUND: dict[DeviceKind, str] = {
    "mic": "this machine has no microphone that can be seen; connect one",
    "monitor": "there is no output to listen to: that needs PulseAudio, or PipeWire with pipewire-pulse; start it",
}


def _find_last_device(name: str, devices: list[Device]) -> Device | None:
    """The device that was listened to before, wherever it is plugged in now."""
    if not name:
        return None
    same = [d for d in devices if d.name == name]
    same = same or [d for d in devices if ALSA_HW_SUFFIX.sub("", d.name) == ALSA_HW_SUFFIX.sub("", name)]
    return next(iter(same), None)


def _find_by_name(name: str, devices: list[Device], kind: DeviceKind) -> Device | None:
    """The whole name before a part of one; by its whole name a monitor may be taken for a microphone."""
    if name.isascii() and name.isdigit():
        return next((d for d in devices if d.index == int(name)), None)
    sought = name.casefold()
    exact = [d for d in devices if sought in {d.name.casefold(), d.title.casefold()}]
    part = [d for d in devices if sought in d.name.casefold() or sought in d.title.casefold()]
    of_kind = [d for d in [*exact, *part] if d.kind == kind]
    return next(iter([*of_kind, *exact]), None)
