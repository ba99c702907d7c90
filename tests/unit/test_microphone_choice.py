"""Which microphone is meant. Reading one is tested with a real sound server, in tests/system."""

import pytest

from streamstt.audio.microphone import Device, choose_device
from streamstt.errors import SourceError

DEVICES = [
    Device(0, "HDA Intel: Analog", 2, 48000, default=False),
    Device(3, "USB Audio Pro", 1, 44100, default=False),
    Device(4, "USB Audio", 1, 44100, default=False),
    Device(7, "pulse", 32, 44100, default=True),
    Device(12, "Straße 3", 2, 48000, default=False),
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
    assert choose_device(wanted, DEVICES).index == index


def test_no_default() -> None:
    """When the system names no default, the first one is taken."""
    assert choose_device("", DEVICES[:3]).index == 0


@pytest.mark.parametrize("wanted", ["webcam", "1", "99", "-1", "²"])
def test_not_there(wanted: str) -> None:
    """When none matches, the message says what was wanted and lists what there is, with the index of each."""
    with pytest.raises(SourceError) as caught:
        choose_device(wanted, DEVICES)
    assert repr(wanted) in str(caught.value)
    for device in DEVICES:
        assert f"{device.index}: {device.name}" in str(caught.value)


@pytest.mark.parametrize("wanted", ["", "usb"])
def test_no_microphone(wanted: str) -> None:
    """Without any microphone the message says what can be captioned instead."""
    with pytest.raises(SourceError, match="--source file:PATH"):
        choose_device(wanted, [])
