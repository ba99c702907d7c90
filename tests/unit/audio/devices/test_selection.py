"""Which device a selector matches. Recording from one is tested with a real sound server, in tests/system."""

from dataclasses import replace
from typing import Any

import pytest

from streamstt.audio.devices.selection import Device, DeviceSelector, choose_device
from streamstt.errors import SourceError


def direct(index: int, name: str, **more: Any) -> Device:
    return Device("portaudio", "mic", name, name, 2, 48000, index=index, **more)


def served(kind: Any, name: str, title: str, **more: Any) -> Device:
    return Device("pulse", kind, name, title, 2, 48000, **more)


DIRECT = [
    direct(0, "HDA Intel: Analog (hw:0,0)"),
    direct(3, "USB Audio Pro"),
    direct(4, "USB Audio"),
    direct(7, "pulse", default=True),
    direct(12, "Straße 3"),
]
SERVED = [
    served("monitor", "alsa_output.pci.monitor", "Monitor of Built-in Audio", default=True),
    served("mic", "alsa_input.pci", "Built-in Audio"),
    served("mic", "alsa_input.usb-Jabra", "Jabra Speak", default=True),
    served("monitor", "alsa_output.usb-Jabra.monitor", "Monitor of Jabra Speak"),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        pytest.param("", 7, id="the default one"),
        pytest.param("3", 3, id="by index, not by place, nor by a 3 in a name"),
        pytest.param("12", 12, id="an index of two digits"),
        pytest.param("USB Audio", 4, id="the whole name before a part of one"),
        pytest.param("usb audio pro", 3, id="in any case"),
        pytest.param("usb", 3, id="a part of the name: the first"),
        pytest.param("analog", 0, id="a part in the middle"),
        pytest.param("STRASSE", 12, id="in any case, in any language"),
    ],
)
def test_choose(wanted: str, index: int) -> None:
    """A microphone is chosen by index, by name, or by part of its name; else it is the default one."""
    assert choose_device(DeviceSelector("mic", wanted), DIRECT).index == index


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        pytest.param("mic", "", "alsa_input.usb-Jabra", id="the default microphone"),
        pytest.param("monitor", "", "alsa_output.pci.monitor", id="what the default output plays"),
        pytest.param("mic", "jabra", "alsa_input.usb-Jabra", id="a part of the name is never another kind"),
        pytest.param("monitor", "jabra", "alsa_output.usb-Jabra.monitor", id="a monitor by the name of its output"),
        pytest.param("mic", "built-in audio", "alsa_input.pci", id="by title"),
        pytest.param("mic", "alsa_output.pci.monitor", "alsa_output.pci.monitor", id="a monitor by its whole name"),
    ],
)
def test_choose_on_a_sound_server(kind: Any, name: str, found: str) -> None:
    """Microphones and monitors are chosen by name or title, and not mistaken for each other."""
    assert choose_device(DeviceSelector(kind, name), SERVED).name == found


def test_no_default() -> None:
    """If the system names no default device, the first one is used."""
    assert choose_device(DeviceSelector("mic"), DIRECT[:3]).index == 0


@pytest.mark.parametrize("wanted", ["webcam", "1", "99", "-1", "²"])
def test_not_there(wanted: str) -> None:
    """If none matches, the message quotes the name and lists the devices with their indices."""
    with pytest.raises(SourceError) as caught:
        choose_device(DeviceSelector("mic", wanted), DIRECT)
    assert repr(wanted) in str(caught.value)
    for device in DIRECT:
        assert f"{device.index}: {device.name}" in str(caught.value)


@pytest.mark.parametrize("wanted", ["", "usb"])
def test_no_microphone(wanted: str) -> None:
    """Without a microphone the message says what can be captioned instead; monitors do not count."""
    for devices in ([], SERVED[:1]):
        with pytest.raises(SourceError, match="--source file:PATH"):
            choose_device(DeviceSelector("mic", wanted), devices)


def test_system_audio_needs_a_sound_server() -> None:
    """Without a monitor the message says what provides one."""
    with pytest.raises(SourceError, match="PulseAudio, or PipeWire"):
        choose_device(DeviceSelector("monitor"), DIRECT)


@pytest.mark.parametrize("name", ["", "jabra"], ids=["default", "named"])
def test_the_same_device_is_waited_for(name: str) -> None:
    """A microphone that was recorded is not replaced by another, even if that is the default one now."""
    selector = DeviceSelector("mic", name).with_last_device(SERVED[2])
    assert choose_device(selector, SERVED) is SERVED[2]
    with pytest.raises(SourceError):
        choose_device(selector, [SERVED[0], replace(SERVED[1], default=True), *DIRECT])


def test_fallback() -> None:
    """With a fallback the default device is used until the named one is back."""
    selector = DeviceSelector("mic", "jabra", fallback=True).with_last_device(SERVED[2])
    assert choose_device(selector, SERVED[:2]) is SERVED[1]
    assert choose_device(selector, SERVED) is SERVED[2]


@pytest.mark.parametrize("selector", [DeviceSelector("monitor"), DeviceSelector("mic", fallback=True)])
def test_what_follows_the_default(selector: DeviceSelector) -> None:
    """When headphones are plugged in, the meeting is played there: the default output is followed."""
    now = [replace(d, default=not d.default) for d in SERVED]
    assert selector.may_switch
    before = choose_device(selector, SERVED)
    assert choose_device(selector.with_last_device(before), now) is next(
        d for d in now if d.default and d.kind == selector.kind
    )


def test_plugged_in_elsewhere() -> None:
    """A card that ALSA has renumbered is still the same device."""
    selector = DeviceSelector("mic").with_last_device(DIRECT[0])
    moved = direct(5, "HDA Intel: Analog (hw:2,0)")
    assert choose_device(selector, [DIRECT[3], moved]) is moved
