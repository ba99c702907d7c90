"""What counts as progress, and which settings can change while the daemon runs."""

import pytest

from streamstt.captioning.liveness import Liveness
from streamstt.config.changes import FIXED_SETTINGS, LIVE_SETTINGS, compare, is_live
from streamstt.config.settings import (
    SECTIONS,
    EngineSettings,
    LogSettings,
    ServerSettings,
    Settings,
    SourceSettings,
    SpeechSettings,
)
from streamstt.daemon.watchdog import status_line
from streamstt.events import State


def test_all_goes_on() -> None:
    """With an idle engine and a microphone that delivers audio, or none at all, nothing is stuck."""
    liveness = Liveness()
    assert liveness.stall_reason(100.0, None) == ""
    liveness.audio_received("mic", 100.0)
    assert liveness.stall_reason(104.9, 95.0) == ""


def test_a_decode_that_never_ends() -> None:
    """A decode may take its time; after that it is stuck, and its duration is reported in few steps."""
    liveness = Liveness()
    assert liveness.stall_reason(109.9, 100.0) == ""
    assert (
        liveness.stall_reason(110.0, 100.0)
        == liveness.stall_reason(129.0, 100.0)
        == "The speech engine has not answered for 10 s."
    )
    assert liveness.stall_reason(130.0, 100.0) == "The speech engine has not answered for 30 s."
    assert liveness.stall_reason(129.0, 100.0, decode_s=30.0) == ""


def test_a_capture_that_is_gone() -> None:
    """A device that is listened to and gives nothing is stuck; one that is lost and waited for is not."""
    liveness = Liveness()
    liveness.audio_received("mic", 100.0)
    liveness.audio_received("door", 103.0)
    assert liveness.stall_reason(105.0, None) == "No audio comes from mic, though the device is open."
    liveness.audio_received("mic", 105.0)
    assert liveness.stall_reason(107.9, None) == ""
    liveness.expect_no_audio("mic")
    liveness.expect_no_audio("door")
    liveness.expect_no_audio("door")
    assert liveness.stall_reason(1000.0, None) == ""


def test_status_line() -> None:
    """One line has address, viewers, the state of each source, and what is wrong; many sources are cut short."""
    states = {"mic": State.SPEECH, "door": State.LOST}
    assert status_line("http://h/", 1, states, ["Captions are late."]) == (
        "Listening on http://h/; 1 viewer; mic: speech; door: lost; Captions are late."
    )
    crowd = {f"s{i}": State.LISTENING for i in range(20)}
    line = status_line("http://h/", 0, crowd, [])
    assert line.startswith("Listening on http://h/; 0 viewers; s0: listening; ")
    assert line.endswith("s5: listening; 14 more sources")


def test_live_and_waiting() -> None:
    """What can change does, at once; the others stay as they are, and are named until the restart."""
    current = Settings()
    loaded = Settings(
        server=ServerSettings(history=7, port=1),
        speech=SpeechSettings(update_ms=700, buffer_s=60),
        engine=EngineSettings(language="en", model="small", vocabulary=("Velmora",)),
        log=LogSettings(level="debug"),
        source=(SourceSettings(input="ws"),),
    )
    changes = compare(current, loaded)
    assert set(changes.live) == {
        "server.history", "speech.update_ms", "engine.model", "engine.language", "engine.vocabulary", "log.level",
    }  # fmt: skip
    assert set(changes.needs_restart) == {"server.port", "speech.buffer_s", "source"}
    assert changes.settings.server.history == 7
    assert changes.settings.server.port == current.server.port
    assert changes.settings.engine.model == "small"
    assert changes.settings.source == current.source
    again = compare(changes.settings, loaded)
    assert again.live == ()
    assert again.needs_restart == changes.needs_restart


def test_nothing_has_changed() -> None:
    """The same file again changes nothing."""
    changes = compare(Settings(), Settings())
    assert (changes.live, changes.needs_restart) == ((), ())


@pytest.mark.parametrize("name", sorted(LIVE_SETTINGS | FIXED_SETTINGS))
def test_the_lists_name_what_there_is(name: str) -> None:
    """A setting that was renamed is not forgotten here."""
    section, _, key = name.partition(".")
    assert not key or key in SECTIONS[section].model_fields
    assert is_live(name) is (name in LIVE_SETTINGS)
