"""The times of transcripts: while the clock is set, across restarts, and around a mark."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from streamstt.config.settings import TranscriptSettings
from streamstt.hub.protocol import encode
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.files import TranscriptEntry
from tests.support.captions import final
from tests.support.clocks import Clocks
from tests.support.subtitles import parse_subtitles


class Meeting:
    """A daemon that writes transcripts, on clocks that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = Clocks()
        self._seq = 0

    @contextmanager
    def run(self, split: str = "none", history: int = 100) -> Iterator[None]:
        """One run of the daemon."""
        settings = TranscriptSettings.model_validate({"split": split})
        self.archive = Archive(
            self.folder, settings, history, lambda: datetime.fromtimestamp(self.clocks.wall).astimezone()
        )
        state = self.archive.resume_state
        # The clock of the archive is a real one; it begins with what the archive has read.
        steady = state.session_clock.now().steady if state.session_clock else None
        self.clock = self.clocks.restart(steady)
        self._seq = max(self._seq, state.seq)
        try:
            yield
        finally:
            self.archive.close()

    def say(self, text: str, ago_s: float = 1.0, duration_s: float = 1.0, source: str = "mic") -> None:
        """A caption becomes final that began ``ago_s`` ago."""
        self._seq += 1
        time = self.clock.timestamp(self.clocks.elapsed - ago_s)
        event = final(text, 7.0, 7.0 + duration_s, source, self._seq)
        message = encode(event, self._seq, time.at, steady=round(time.steady, 3))
        self.archive.write(TranscriptEntry(message.data, source.title(), several_sources=False))

    def mark(self, title: str) -> None:
        self.archive.start_set(title, self.clock.now())

    def cues(self, name: str) -> list[tuple[str, float, float]]:
        """Text, start and end of the cues in the SRT file of a set."""
        cues = parse_subtitles(next(self.folder.glob(f"{name}.srt")).read_text())
        return [(" ".join(cue.lines), *rounded(cue.start, cue.end)) for cue in cues]


def rounded(*times: float) -> tuple[float, ...]:
    """Rounds to tenths: a real clock goes on between the steps of a restart."""
    return tuple(round(time, 1) for time in times)


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    return Meeting(tmp_path)


STEPS = [-3600.0, 3600.0, 8 * 86400.0]


@pytest.mark.parametrize("seconds", STEPS)
@pytest.mark.parametrize("marked", ["before", "after"])
def test_the_clock_is_set(meeting: Meeting, seconds: float, marked: str) -> None:
    """Cues count from the mark, whether the clock was set before it or after it; a repair writes the same."""
    with meeting.run():
        meeting.say("Good morning.")
        if marked == "after":
            meeting.clocks.set(seconds)
        meeting.mark("weekly")
        meeting.clocks.advance(10)
        meeting.say("One.", 2)
        if marked == "before":
            meeting.clocks.set(seconds)
        meeting.clocks.advance(30)
        meeting.say("Two.", 3)
    (file,) = meeting.folder.glob("*-weekly.srt")
    written = file.read_text()
    assert meeting.cues("*-weekly") == [("One.", 8, 9), ("Two.", 37, 38)]
    file.unlink()
    with meeting.run():
        assert file.read_text() == written


@pytest.mark.parametrize("seconds", [0.0, *STEPS])
def test_across_a_restart(meeting: Meeting, seconds: float) -> None:
    """A set is continued by a run after one in which the clock was set: with the time between the runs."""
    with meeting.run():
        meeting.say("One.", 0)
        meeting.clocks.set(seconds)
        meeting.clocks.advance(10)
        meeting.say("Two.", 0)
    meeting.clocks.advance(60)
    with meeting.run():
        meeting.clocks.advance(5)
        meeting.say("Three.", 0)
    with meeting.run():
        meeting.say("Four.", 0)
    assert [start for _, start, _ in meeting.cues("captions")] == pytest.approx([0, 10, 75, 76], abs=1)


def test_set_back_between_runs(meeting: Meeting) -> None:
    """Where the clock was set back between two runs, the second one follows the first."""
    with meeting.run():
        meeting.say("One.", 0)
        meeting.clocks.advance(10)
        meeting.say("Two.", 0)
    meeting.clocks.set(-7200)
    with meeting.run():
        meeting.clocks.advance(20)
        meeting.say("Three.", 0)
    assert [start for _, start, _ in meeting.cues("captions")] == pytest.approx([0, 10, 30], abs=1)


def test_captions_around_a_mark(meeting: Meeting) -> None:
    """What ended before the mark is in the old set, however late; what went on then is in the new one, from 0."""
    with meeting.run():
        meeting.say("One.")
        meeting.clocks.advance(10)
        meeting.mark("weekly")
        meeting.clocks.advance(3)
        meeting.say("He went on.", 5, 4, "door")
        meeting.say("Late.", 6, 2)
        meeting.say("Two.", 1)
    assert meeting.cues("captions") == [("One.", 0, 1), ("Late.", 8, 10)]
    assert meeting.cues("*-weekly") == [("He went on.", 0, 2), ("Mic: Two.", 2, 3)]
    with meeting.run(history=3):
        state = meeting.archive.resume_state
        assert [m.data["text"] for m in state.finals] == ["He went on.", "Late.", "Two."], "in their order"


def test_late_without_an_old_set(meeting: Meeting, caplog: pytest.LogCaptureFixture) -> None:
    """If there is no old set, or none any more, a late caption begins the new one, and the log says so."""
    caplog.set_level("INFO")
    with meeting.run():
        meeting.mark("first")
        meeting.say("Late.", 6, 2)
        meeting.say("One.", 0)
        assert meeting.cues("*-first") == [("Late.", 0, 1), ("One.", 1, 2)]
        meeting.mark("second")
        for file in meeting.folder.glob("*-first.*"):
            file.unlink()
        meeting.clocks.advance(5)
        meeting.say("Later.", 9, 2)
        assert meeting.cues("*-second") == [("Later.", 0, 1)]
    assert caplog.text.count("its cue begins at 0") == 2


def test_an_old_record(meeting: Meeting) -> None:
    """A record of an older version, without steady times, is read, repaired and continued."""
    words = '"words":[],"language":"en","rev":1,"source":"mic"'
    lines = [
        '{"type":"mark","at":"2026-11-25T11:00:00.000+00:00","title":"","session":"s","seq":0}',
        '{"type":"final","seq":3,"id":"mic-1","start":1.0,"end":2.0,"text":"Old.","at":"2026-11-25T11:59:50.000+00:00",'
        + words + "}",
    ]  # fmt: skip
    (meeting.folder / "captions.jsonl").write_text("".join(f"{line}\n" for line in lines))
    with meeting.run():
        meeting.clocks.set(-3600)
        meeting.clocks.advance(10)
        meeting.say("New.", 0)
    (_, *old), (_, *new) = meeting.cues("captions")
    assert (old, new) == ([3590, 3591], pytest.approx([3610, 3611], abs=1))


def test_late_after_midnight(meeting: Meeting) -> None:
    """On the next day, a caption that comes late is not put into the set before yesterday's mark."""
    with meeting.run(split="day"):
        meeting.say("One.")
        meeting.clocks.advance(10)
        meeting.mark("weekly")
        meeting.clocks.advance(86_400)
        meeting.say("Two.")
        meeting.say("Late.", 10, 2, source="other")
    assert [text for text, *_ in meeting.cues("2026-11-25")] == ["One."]
