"""Devices, and which one a selector matches. Pure, and light: the recorder process imports it as well.

Two backends list devices. ``pulse`` is the sound server of a desktop, PulseAudio or PipeWire; what its outputs play
can be recorded too, through their monitors. ``portaudio`` is everything else: plain ALSA, macOS, Windows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from streamstt.errors import SourceError

DeviceKind = Literal["mic", "monitor"]
AudioBackend = Literal["pulse", "portaudio"]
ALSA_HW_SUFFIX = re.compile(r" \(hw:\d+,\d+\)$")  # ALSA renumbers a card when it is plugged in again
OTHER_INPUTS = "--source file:PATH, --source stdin, or --source ws for remote clients"


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone, or the monitor of an output.

    Attributes:
        system: Backend that lists it.
        kind: Microphone or monitor.
        name: Name in its backend; stable across restarts.
        title: Name for users.
        channels: Number of channels.
        rate: Native sample rate, Hz.
        default: Whether it is the default microphone, or the monitor of the default output.
        index: Number in PortAudio; -1 for devices of a sound server, whose numbers do not last.
        muted: Whether it is muted in the sound server.
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
    """Which device to record.

    Attributes:
        kind: Microphone or monitor.
        name: Index, or part of the name or title, ignoring case; empty: the default device.
        fallback: Whether to use the default device while none matches.
        last_device: Name of the device that was recorded before; empty: none yet.
        system: Backend of ``last_device``; empty: any.
        channel: Channel to record, from 1; 0: the mean of all.
    """

    kind: DeviceKind
    name: str = ""
    fallback: bool = False
    last_device: str = ""
    system: AudioBackend | Literal[""] = ""
    channel: int = 0

    @property
    def may_switch(self) -> bool:
        """Whether another device may become the right one while the present one still works.

        For example, the default output changes when headphones are plugged in, and the meeting is played there.
        """
        return self.fallback or (self.kind == "monitor" and not self.name)

    @property
    def is_portaudio(self) -> bool:
        """Whether only a device of PortAudio can match."""
        return self.system == "portaudio" or (self.name.isascii() and self.name.isdigit())

    def with_last_device(self, device: Device) -> "DeviceSelector":
        """Returns a selector that, after ``device`` is lost, waits for the very same device, unless it may switch."""
        if not self.name and self.may_switch:
            return self
        return replace(self, last_device=device.name, system=device.system)


def choose_device(selector: DeviceSelector, devices: Sequence[Device]) -> Device:
    """Returns the device to record: the one that matches, or with ``fallback`` the default one.

    Args:
        selector: Which device to record.
        devices: The devices that are present.

    Raises:
        SourceError: None matches; the message lists those of this kind.
    """
    match = match_device(selector, devices)
    if match:
        return match
    of_kind = [d for d in devices if d.kind == selector.kind]
    if of_kind and selector.fallback:
        return _default_device(of_kind)
    what = "microphone" if selector.kind == "mic" else "output"
    if not of_kind:
        raise SourceError(f"{_NONE_FOUND[selector.kind]}, or caption something else: {OTHER_INPUTS}")
    listing = "".join(f"\n  {d}" for d in of_kind)
    raise SourceError(f"there is no {what} {selector.name or selector.last_device!r}; the {what}s are:{listing}")


def match_device(selector: DeviceSelector, devices: Sequence[Device]) -> Device | None:
    """Returns the device that the selector matches, without a fallback; None if there is none."""
    of_system = [d for d in devices if selector.system in {"", d.system}]
    of_kind = [d for d in of_system if d.kind == selector.kind]
    if selector.name:
        return _find_last_device(selector.last_device, of_system) or _find_by_name(
            selector.name, of_system, selector.kind
        )
    if selector.last_device:
        return _find_last_device(selector.last_device, of_system)
    return _default_device(of_kind) if of_kind else None


def _default_device(devices: list[Device]) -> Device:
    return next((d for d in devices if d.default), devices[0])


_NONE_FOUND: dict[DeviceKind, str] = {
    "mic": "no microphone was found; connect one",
    "monitor": "no output was found; recording one needs PulseAudio, or PipeWire with pipewire-pulse: start it",
}


def _find_last_device(name: str, devices: list[Device]) -> Device | None:
    """Finds the device that was recorded before, whichever port it is plugged into now."""
    if not name:
        return None
    same = [d for d in devices if d.name == name]
    same = same or [d for d in devices if ALSA_HW_SUFFIX.sub("", d.name) == ALSA_HW_SUFFIX.sub("", name)]
    return next(iter(same), None)


def _find_by_name(name: str, devices: list[Device], kind: DeviceKind) -> Device | None:
    """Finds a device by index or name; a full match before a partial one.

    A partial match must be of ``kind``; a full name may also select a monitor as a microphone.
    """
    if name.isascii() and name.isdigit():
        return next((d for d in devices if d.index == int(name)), None)
    folded = name.casefold()
    exact = [d for d in devices if folded in {d.name.casefold(), d.title.casefold()}]
    partial = [d for d in devices if folded in d.name.casefold() or folded in d.title.casefold()]
    of_kind = [d for d in [*exact, *partial] if d.kind == kind]
    return next(iter([*of_kind, *exact]), None)
