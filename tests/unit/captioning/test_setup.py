"""Which devices are waited for, and how the times of local sources count."""

from pathlib import Path

import pytest

from streamstt.audio.network_stream import NetworkStream
from streamstt.audio.sources import AudioFile, make_source
from streamstt.captioning.setup import find_origin, may_appear_later, probe_source
from streamstt.captioning.stream_times import Origin
from streamstt.config.settings import SourceSettings
from streamstt.errors import SourceError

TERMINAL = {"INVOCATION_ID": "abc", "SYSTEMD_EXEC_PID": "77", "JOURNAL_STREAM": "8:1"}  # a desktop's shell has these


@pytest.mark.parametrize(
    ("source", "environ", "expected"),
    [
        pytest.param({}, {}, False, id="typed by hand"),
        pytest.param({}, TERMINAL, False, id="typed by hand in a terminal that a service manager started"),
        pytest.param({}, {"SYSTEMD_EXEC_PID": "100"}, True, id="started by systemd"),
        pytest.param({}, {"NOTIFY_SOCKET": "/run/x"}, True, id="started by what waits for readiness"),
        pytest.param({"input": "monitor"}, {"NOTIFY_SOCKET": "/run/x"}, True, id="a monitor"),
        pytest.param({"wait": "yes"}, {}, True, id="if it should"),
        pytest.param({"wait": "no"}, {"NOTIFY_SOCKET": "/run/x"}, False, id="if it should not"),
        pytest.param({"input": "file:a.wav", "wait": "yes"}, {}, False, id="never for a file"),
    ],
)
def test_waits(source: dict[str, str], environ: dict[str, str], expected: bool) -> None:
    """A service waits for a device; a wrong name on the command line is reported at once."""
    assert may_appear_later(SourceSettings.model_validate(source), environ, pid=100) is expected


@pytest.mark.parametrize(
    ("source", "is_live", "expected"),
    [
        ({"input": "mic"}, True, Origin.DEVICE),
        ({"input": "monitor"}, True, Origin.DEVICE),
        ({"input": "file:a.wav"}, False, Origin.FILE),
        ({"input": "stdin"}, False, Origin.CLIENT),
        ({"input": "ws"}, False, Origin.CLIENT),
    ],
)
def test_origins(source: dict[str, str], is_live: bool, expected: Origin) -> None:
    """Only a file's times count from its start; what is written to a pipe is taken as it comes."""
    assert find_origin(SourceSettings.model_validate(source), is_live) is expected


def test_track_of_a_stream() -> None:
    """The reader of a live stream is told which track to play."""
    stream = make_source(SourceSettings.model_validate({"input": "url:srt://host:9000", "track": 2}))
    assert isinstance(stream, NetworkStream)
    assert stream._track == 2


def test_look() -> None:
    """What is not there is an error, unless it may come later."""
    missing = AudioFile(Path("/no/such.flac"))
    with pytest.raises(SourceError):
        probe_source(missing, allow_missing=False)
    probe_source(missing, allow_missing=True)
