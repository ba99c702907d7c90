"""The address of an SRT stream."""

import pytest

from streamstt.audio.srt import LATENCY_MS, PASSPHRASE, socket_flags
from streamstt.errors import SourceError


def test_options() -> None:
    """Options of an address become those of the socket; what it leaves out keeps libsrt's values."""
    flags = socket_flags({"latency": "250", "passphrase": "correct horse"})
    assert flags[LATENCY_MS] == (250).to_bytes(4, "little")
    assert flags[PASSPHRASE] == b"correct horse"
    assert not any(socket_flags({}).values())


@pytest.mark.parametrize("latency", ["-1", "1.5", "250ms", "\N{SUPERSCRIPT TWO}", "99999999999999999999"])
def test_a_latency_that_is_none(latency: str) -> None:
    """It is told, and does not end the reader."""
    with pytest.raises(SourceError, match="latency"):
        socket_flags({"latency": latency})
