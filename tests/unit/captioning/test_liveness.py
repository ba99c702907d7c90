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
    """An idle engine and a microphone that is heard are well; so is a daemon without any microphone."""
    vitals = Liveness()
    assert vitals.stall_reason(100.0, None) == ""
    vitals.audio_received("mic", 100.0)
    assert vitals.stall_reason(104.9, 95.0) == ""


def test_a_decode_that_never_ends() -> None:
    """A decode may take its time; then it is called stuck, and for how long is told in few steps."""
    vitals = Liveness()
    assert vitals.stall_reason(109.9, 100.0) == ""
    assert (
        vitals.stall_reason(110.0, 100.0)
        == vitals.stall_reason(129.0, 100.0)
        == "The speech engine has not answered for 10 s."
    )
    assert vitals.stall_reason(130.0, 100.0) == "The speech engine has not answered for 30 s."
    assert vitals.stall_reason(129.0, 100.0, decode_s=30.0) == ""


def test_a_capture_that_is_gone() -> None:
    """A device that is listened to and gives nothing is stuck; one that is lost and waited for is not."""
    vitals = Liveness()
    vitals.audio_received("mic", 100.0)
    vitals.audio_received("door", 103.0)
    assert vitals.stall_reason(105.0, None) == "No audio comes from mic, though the device is open."
    vitals.audio_received("mic", 105.0)
    assert vitals.stall_reason(107.9, None) == ""
    vitals.expect_no_audio("mic")
    vitals.expect_no_audio("door")
    vitals.expect_no_audio("door")
    assert vitals.stall_reason(1000.0, None) == ""


def test_status_line() -> None:
    """One line says where, to how many, what each source does, and what is wrong; a crowd of sources is cut short."""
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
    now = Settings()
    read = Settings(
        server=ServerSettings(history=7, port=1),
        speech=SpeechSettings(update_ms=700, buffer_s=60),
        engine=EngineSettings(language="en", model="small", vocabulary=("Velmora",)),
        log=LogSettings(level="debug"),
        source=(SourceSettings(input="ws"),),
    )
    changes = compare(now, read)
    assert set(changes.live) == {
        "server.history", "speech.update_ms", "engine.language", "engine.vocabulary", "log.level",
    }  # fmt: skip
    assert set(changes.needs_restart) == {"server.port", "speech.buffer_s", "engine.model", "source"}
    assert changes.settings.server.history == 7
    assert changes.settings.server.port == now.server.port
    assert changes.settings.engine.model == now.engine.model
    assert changes.settings.source == now.source
    again = compare(changes.settings, read)
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
