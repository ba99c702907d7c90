"""The folder of transcripts, with real files and a clock that the test sets."""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.config.settings import TranscriptSettings
from streamstt.errors import OutputError
from streamstt.hub.protocol import encode, make_message
from streamstt.hub.revisions import Correction, make_revision
from streamstt.transcripts.archive import Archive
from streamstt.transcripts.earlier_runs import SEQ_MARGIN
from streamstt.transcripts.files import TranscriptEntry
from streamstt.transcripts.naming import LIVE_SUFFIXES
from tests.support.captions import final
from tests.support.drawing import PROPERTY

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Clock:
    """Wall time that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def opened(folder: Path, clock: Clock, history: int = 100, *, hold: bool = False, **settings: Any) -> Iterator[Archive]:
    archive = Archive(folder, TranscriptSettings(**settings), history, clock, hold=hold)
    try:
        yield archive
    finally:
        archive.close()


def entry(text: str, seq: int, source: str = "mic", *, several: bool = False) -> TranscriptEntry:
    event = final(text, float(seq), seq + 0.5, source, seq)
    at = (NOON + timedelta(seconds=seq)).isoformat(timespec="milliseconds")
    return TranscriptEntry(encode(event, seq, at).data, source.title(), several)


def revision(of: TranscriptEntry, seq: int, text: str | None = None, *, hidden: bool | None = None) -> TranscriptEntry:
    message = make_message(final(of.data["text"], number=of.data["seq"]), of.data)
    correction = Correction("", text, hidden=hidden)
    return TranscriptEntry(make_revision(message, None, correction, seq).data, of.label, of.several_sources)


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def texts(folder: Path, name: str) -> list[str]:
    return [line["text"] for line in lines(folder, name) if line["type"] == "final"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def numbers(folder: Path, name: str) -> list[str]:
    return re.findall(r"^\d+$", (folder / f"{name}.srt").read_text(), re.MULTILINE)


def test_four_files(tmp_path: Path, clock: Clock) -> None:
    """A final is written to the record and to each live file at once; before the first one there is no file."""
    with opened(tmp_path, clock) as archive:
        assert names(tmp_path) == []
        archive.write(entry("Grüße.", 3))
        assert names(tmp_path) == [f"2026-11-25.{suffix}" for suffix in ("jsonl", "srt", "txt", "vtt")]
        assert texts(tmp_path, "2026-11-25") == ["Grüße."]
        assert (tmp_path / "2026-11-25.txt").read_text() == "Grüße.\n"
        assert (tmp_path / "2026-11-25.srt").read_text() == "1\n00:00:03,000 --> 00:00:04,000\nGrüße.\n\n"
        assert (tmp_path / "2026-11-25.vtt").read_text() == "WEBVTT\n\n00:00:03.000 --> 00:00:04.000\nGrüße.\n\n"


def test_for_its_owner_only(tmp_path: Path, clock: Clock) -> None:
    """Files have mode 0600; the folder has 0700 if it is created."""
    with opened(tmp_path / "a" / "b", clock) as archive:
        archive.write(entry("One.", 1))
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "b").iterdir()} == {0o600}


def test_continues_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    """The next run of the same day appends: cue numbers continue, headers are not repeated, the session stays."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("One.", 1))
        session = archive.resume_state.session
    with opened(tmp_path, clock) as archive:
        assert archive.resume_state.session == session
        assert archive.resume_state.seq == 1 + SEQ_MARGIN
        assert [m.data["text"] for m in archive.resume_state.finals] == ["One."]
        archive.write(entry("Two.", SEQ_MARGIN + 2))
    assert texts(tmp_path, "2026-11-25") == ["One.", "Two."]
    assert numbers(tmp_path, "2026-11-25") == ["1", "2"]
    assert (tmp_path / "2026-11-25.vtt").read_text().count("WEBVTT") == 1


def test_no_number_is_used_twice(tmp_path: Path, clock: Clock) -> None:
    """A run that wrote no final has used numbers nevertheless: the one after it begins above them."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("One.", 1))
    first_numbers = []
    for _ in range(3):
        with opened(tmp_path, clock) as archive:
            first_numbers.append(archive.resume_state.seq)
    assert first_numbers == [1 + SEQ_MARGIN, 1 + 2 * SEQ_MARGIN, 1 + 3 * SEQ_MARGIN]


@pytest.mark.parametrize("suffix", ["jsonl", "srt", "vtt", "txt"])
def test_repairs_after_a_crash(tmp_path: Path, clock: Clock, suffix: str) -> None:
    """Whichever file was cut short is repaired at the next start, and continued."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("One.", 1))
        archive.write(entry("Two.", 2))
    file = tmp_path / f"2026-11-25.{suffix}"
    os.truncate(file, file.stat().st_size - 5)
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Three.", SEQ_MARGIN + 3))
    expected = ["One.", "Three."] if suffix == "jsonl" else ["One.", "Two.", "Three."]
    assert texts(tmp_path, "2026-11-25") == expected
    if suffix != "jsonl":
        assert [t for t in file.read_text().splitlines() if t.endswith(".")] == expected


def test_a_new_day(tmp_path: Path, clock: Clock) -> None:
    """With ``day`` captions after midnight are in a set of their own, in the same run or in the next."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Today.", 1))
        clock.now += timedelta(hours=12)
        archive.write(entry("Tomorrow.", 2))
    clock.now += timedelta(days=1)
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Later.", 2 * SEQ_MARGIN))
        assert [m.data["text"] for m in archive.resume_state.finals] == ["Today.", "Tomorrow."]
    assert [texts(tmp_path, f"2026-11-{day}") for day in (25, 26, 27)] == [["Today."], ["Tomorrow."], ["Later."]]


def test_a_run(tmp_path: Path, clock: Clock) -> None:
    """With ``run`` each run has its own set; with ``none`` all share one."""
    for number in range(2):
        with opened(tmp_path / "r", clock, split="run") as archive:
            archive.write(entry("Run.", number * SEQ_MARGIN + 1 + number))
        with opened(tmp_path / "n", clock, split="none") as archive:
            archive.write(entry("None.", number * SEQ_MARGIN + 1 + number))
        clock.now += timedelta(days=40)
    assert texts(tmp_path / "r", "2026-11-25-120000") == texts(tmp_path / "r", "2027-01-04-120000") == ["Run."]
    assert texts(tmp_path / "n", "captions") == ["None.", "None."]


def test_mark(tmp_path: Path, clock: Clock) -> None:
    """A mark starts a set at once; the same title a second time gets a number; a restart continues the set."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Before.", 1))
        assert archive.start_set("Weekly") == "2026-11-25-weekly"
        assert archive.start_set("weekly!") == "2026-11-25-weekly-2"
        archive.write(entry("In it.", 2))
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Still.", SEQ_MARGIN + 3))
        assert [m.data["text"] for m in archive.resume_state.finals] == ["Before.", "In it."]
    assert texts(tmp_path, "2026-11-25") == ["Before."]
    assert texts(tmp_path, "2026-11-25-weekly") == []
    assert texts(tmp_path, "2026-11-25-weekly-2") == ["In it.", "Still."]
    assert lines(tmp_path, "2026-11-25-weekly-2")[0]["title"] == "weekly!"


@pytest.mark.parametrize(
    ("split", "continued"), [("day", ["2026-11-25", "2026-11-25-weekly"]), ("none", ["2026-11-25-weekly"]), ("run", [])]
)
def test_session_sets(tmp_path: Path, clock: Clock, split: str, continued: list[str]) -> None:
    """A session has the sets of this run, and those that it continues: with ``day`` all of today, but no older one."""
    with opened(tmp_path, clock) as archive:
        assert archive.session_sets == ()
        clock.now -= timedelta(days=1)
        archive.write(entry("Yesterday.", 1))
        clock.now += timedelta(days=1)
        archive.write(entry("Before.", 2))
        archive.start_set("Weekly")
        written = ["2026-11-24", "2026-11-25", "2026-11-25-weekly"]
        assert [s.record.stem for s in archive.session_sets] == written
        assert [(s.header.title, s.header.seq) for s in archive.session_sets] == [("", 0), ("", 1), ("Weekly", 2)]
    with opened(tmp_path, clock, split=split) as archive:
        assert [s.record.stem for s in archive.session_sets] == continued
        archive.start_set("Next")
        assert [s.record.stem for s in archive.session_sets] == [*continued, "2026-11-25-next"]


def test_labels(tmp_path: Path, clock: Clock) -> None:
    """From the second source on, captions have labels, also after a restart; with one source they have none."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Alone.", 1))
        archive.write(entry("Hello.", 2, "door"))
    with opened(tmp_path, clock) as archive:
        archive.write(entry("Hi.", SEQ_MARGIN + 3))
    assert (tmp_path / "2026-11-25.txt").read_text() == "Alone.\nDoor: Hello.\nMic: Hi.\n"
    kept = [line["label"] for line in lines(tmp_path, "2026-11-25") if line["type"] == "final"]
    assert kept == ["Mic", "Door", "Mic"], "the record has them all"


def test_labels_in_a_record_of_an_older_version(tmp_path: Path, clock: Clock) -> None:
    """Such a record has labels only where the live files show them: these stay as they are, and one source none."""
    header = {"type": "mark", "at": NOON.isoformat(), "title": "", "session": "s", "seq": 0}
    old = [entry("Alone.", 1).data, {**entry("Hello.", 2, "door").data, "label": "Door"}]
    for count, expected in ((1, "Alone.\nHi.\n"), (2, "Alone.\nDoor: Hello.\nMic: Hi.\n")):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "2026-11-25.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [header, *old[:count]]))
        for _ in range(2):  # the second time, the live file is compared with the record
            with opened(folder, clock) as archive:
                archive.write(entry("Hi.", SEQ_MARGIN + 3))
            assert (folder / "2026-11-25.txt").read_text() == expected


def test_a_failure_in_the_middle(tmp_path: Path, clock: Clock) -> None:
    """A final that is in the record but not in all files is added where it is missing, and only there."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("One.", 1))
        assert archive._set
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, archive._set._files[".vtt"])
        os.close(full)
        with pytest.raises(OSError, match="No space"):
            archive.write(entry("Two.", 2))
        assert texts(tmp_path, "2026-11-25") == ["One.", "Two."]
        archive.write(entry("Two.", 2))
        archive.write(entry("Three.", 3))
    assert texts(tmp_path, "2026-11-25") == ["One.", "Two.", "Three."]
    assert numbers(tmp_path, "2026-11-25") == ["1", "2", "3"]
    assert (tmp_path / "2026-11-25.vtt").read_text().count("-->") == 3


def test_written_once(tmp_path: Path, clock: Clock) -> None:
    """A final that is tried again after a failure in the middle is in each file once."""
    with opened(tmp_path, clock) as archive:
        archive.write(entry("One.", 1))
        (tmp_path / "2026-11-25.srt").unlink()
        (tmp_path / "2026-11-25.srt").mkdir()
        archive.write(entry("Two.", 2))  # the open file still exists, without a name
        archive._close_set()
        with pytest.raises(OSError, match="directory"):
            archive.write(entry("Three.", 3))
        (tmp_path / "2026-11-25.srt").rmdir()
        archive.write(entry("Three.", 3))
    assert texts(tmp_path, "2026-11-25") == ["One.", "Two.", "Three."]
    assert numbers(tmp_path, "2026-11-25") == ["1", "2", "3"]


def test_a_folder_that_vanishes(tmp_path: Path, clock: Clock) -> None:
    """It is not created again, as it may be a disk that is not mounted. When it is back, writing continues."""
    folder = tmp_path / "f"
    with opened(folder, clock) as archive:
        archive.write(entry("One.", 1))
        folder.rename(tmp_path / "away")
        with pytest.raises(FileNotFoundError):
            archive.write(entry("Two.", 2))
        assert not folder.exists()
        (tmp_path / "away").rename(folder)
        archive.write(entry("Two.", 2))
        (folder / "2026-11-25.jsonl").unlink()
        with pytest.raises(FileNotFoundError):
            archive.write(entry("Three.", 3))
        archive.write(entry("Three.", 3))
    assert texts(folder, "2026-11-25") == ["Three."]
    assert numbers(folder, "2026-11-25")[:2] == ["1", "2"], "the content of the other files stays"


@pytest.mark.parametrize(("history", "known", "forgotten"), [(9, 5, 0), (5, 5, 0), (4, 4, 1), (3, 3, 2), (1, 1, 4)])
def test_history(tmp_path: Path, clock: Clock, history: int, known: int, forgotten: int) -> None:
    """The requested number of finals is read, from several sets, and the last one left out is known."""
    with opened(tmp_path, clock) as archive:
        for seq in range(1, 6):
            archive.write(entry(f"{seq}.", seq))
            archive.start_set("next")
    with opened(tmp_path, clock, history) as archive:
        assert [m.seq for m in archive.resume_state.finals] == list(range(6 - known, 6))
        assert archive.resume_state.forgotten == forgotten


def test_delete_expired(tmp_path: Path, clock: Clock) -> None:
    """All files of old sets are deleted, never the current set or foreign files; deleted finals are forgotten."""
    foreign = ["2026-11-01.txt", "notes.jsonl", "2026-11-25-a.jsonl.bak", "captions.md"]
    with opened(tmp_path, clock, keep_days=7) as archive:
        for seq, title in enumerate(["old", "new", "open"], 1):
            archive.start_set(title)
            archive.write(entry("Said.", seq))
        for name in foreign:
            (tmp_path / name).touch()
        for path in tmp_path.iterdir():
            age = timedelta(days=1 if "new" in path.name else 30)
            os.utime(path, ((NOON - age).timestamp(),) * 2)
        assert archive.is_session_whole
        assert archive.delete_expired() == ["2026-11-25-old"]
        assert not archive.is_session_whole
        assert [s.header.title for s in archive.session_sets] == ["new", "open"]
        assert archive.delete_expired() == []
    remaining = {name for name in names(tmp_path) if name not in foreign}
    assert {name.partition(".")[0] for name in remaining} == {"2026-11-25-new", "2026-11-25-open"}
    assert len(remaining) == 8
    assert set(foreign) <= set(names(tmp_path))
    with opened(tmp_path, clock) as archive:
        assert archive.resume_state.forgotten == 1


def test_nothing_is_deleted_by_default(tmp_path: Path, clock: Clock) -> None:
    """Without limits everything is kept."""
    with opened(tmp_path, clock) as archive:
        archive.start_set("a")
        os.utime(tmp_path / "2026-11-25-a.jsonl", (0, 0))
        archive.start_set("b")
        assert archive.delete_expired() == []


def test_a_link_is_not_followed(tmp_path: Path, clock: Clock) -> None:
    """A symbolic link in place of a file is refused: nothing outside the folder is written or read."""
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "2026-11-25.jsonl").symlink_to(outside)
    (folder / "2026-11-25-2.txt").symlink_to(tmp_path / "not there")
    with opened(folder, clock) as archive:
        archive.write(entry("One.", 1))
        (folder / "2026-11-25-3.txt").unlink()
        (folder / "2026-11-25-3.txt").symlink_to(outside)
        archive._close_set()
        with pytest.raises(OSError, match="symbolic links"):
            archive.write(entry("Two.", 2))
    assert outside.read_text() == "mine"
    assert not (tmp_path / "not there").exists()


def test_unusable_folders(tmp_path: Path, clock: Clock) -> None:
    """A path that is not a folder, or that another daemon writes to, is an error with the path and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot keep transcripts in .*/file"):
        Archive(tmp_path / "file", TranscriptSettings(), 1, clock)
    with (
        opened(tmp_path / "f", clock),
        pytest.raises(OutputError, match=r"another streamstt keeps its transcripts in .*transcript\.folder"),
    ):
        Archive(tmp_path / "f", TranscriptSettings(), 1, clock)


def test_damaged_folder(tmp_path: Path, clock: Clock) -> None:
    """Records that cannot be read are left alone, and a new set is started."""
    (tmp_path / "2026-11-25.jsonl").write_bytes(b"\0" * 100)
    (tmp_path / "2026-11-24.jsonl").touch()
    with opened(tmp_path, clock) as archive:
        assert archive.resume_state.finals == ()
        archive.write(entry("One.", 1))
    assert texts(tmp_path, "2026-11-25-2") == ["One."]


# ---- revisions


def live_texts(folder: Path, name: str) -> list[list[str]]:
    """The lines with words of each live file."""
    files = [(folder / f"{name}{suffix}").read_text().splitlines() for suffix in (".txt", ".srt", ".vtt")]
    return [[line for line in file if line.endswith(".")] for file in files]


def test_a_revision(tmp_path: Path, clock: Clock) -> None:
    """The record keeps the final and gets a line more; live files have the new text, and go on after it. Who has one
    of them open keeps what he has; no other file is left."""
    one, two = entry("One.", 1), entry("Two.", 2)
    with opened(tmp_path, clock) as archive:
        archive.write(one)
        archive.write(two)
        with (tmp_path / "2026-11-25.txt").open() as reader:
            archive.write(revision(one, 3, "First."))
            archive.write(revision(two, 4, hidden=True))
            archive.update_live_files()
            archive.write(entry("Three.", 5))
            assert reader.read() == "One.\nTwo.\n"
        assert live_texts(tmp_path, "2026-11-25") == [["First.", "Three."]] * 3
    assert texts(tmp_path, "2026-11-25") == ["One.", "Two.", "Three."]
    assert [line["type"] for line in lines(tmp_path, "2026-11-25")] == [
        *["mark", "labels"],
        *["final"] * 2,
        *["revised"] * 2,
        "final",
    ]
    assert numbers(tmp_path, "2026-11-25") == ["1", "2"]
    assert names(tmp_path) == [f"2026-11-25.{suffix}" for suffix in ("jsonl", "srt", "txt", "vtt")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    with opened(tmp_path, clock) as archive:
        assert [m.data["text"] for m in archive.resume_state.finals] == ["One.", "Two.", "Three."]
        assert [(m.data["text"], m.data["hidden"]) for m in archive.resume_state.revisions] == [
            ("First.", False),
            ("Two.", True),
        ]
        assert archive.resume_state.seq == 5 + SEQ_MARGIN


def test_finals_that_may_soon_be_revised(tmp_path: Path, clock: Clock) -> None:
    """They are in the record at once, and in the live files as they are half a minute later: these only grow. An end
    of the daemon loses none, nor does a revision of a final that is in the live files."""
    one, two, three = entry("One.", 1), entry("Two.", 2), entry("Three.", 3)
    with opened(tmp_path, clock, hold=True) as archive:
        for final_entry in (one, two, three):
            archive.write(final_entry)
        assert texts(tmp_path, "2026-11-25") == ["One.", "Two.", "Three."]
        assert live_texts(tmp_path, "2026-11-25") == [[], [], []]
        with (tmp_path / "2026-11-25.txt").open() as reader:
            archive.write(revision(one, 4, "First."))
            archive.update_live_files()
            archive.write_held(1)
            archive.write(revision(two, 5, hidden=True))
            archive.write_held(2)
            assert reader.read() == "First.\n"
        archive.write(revision(one, 6, "1st."))
        archive.update_live_files()
        assert live_texts(tmp_path, "2026-11-25") == [["1st.", "Three."]] * 3
        archive.write(entry("Four.", 7))
    assert live_texts(tmp_path, "2026-11-25") == [["1st.", "Three.", "Four."]] * 3
    with opened(tmp_path, clock, hold=True) as archive:
        archive.write(entry("Five.", 8 + SEQ_MARGIN))
        archive.start_set("next")
        assert live_texts(tmp_path, "2026-11-25") == [["1st.", "Three.", "Four.", "Five."]] * 3


REVISIONS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["Yes.", "No.", "Words.", "It is longer now. " * 6, ""])), max_size=6
)


@PROPERTY
@given(REVISIONS, st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(0, 200))
def test_a_crash_between_record_and_live_files(changes: list[tuple[int, str]], ages: list[int], cut: int) -> None:
    """Whichever revisions a live file lacks, and wherever it was cut off, the next start brings it up to date."""
    spoken = [entry(text, seq) for seq, text in enumerate(["One.", "Yes.", "Yes.", "Four."], 1)]
    with TemporaryDirectory() as name, opened(folder := Path(name), Clock()) as archive:
        for caption in spoken:
            archive.write(caption)
        versions = {suffix: [(folder / f"2026-11-25{suffix}").read_bytes()] for suffix in LIVE_SUFFIXES}
        for seq, (index, text) in enumerate(changes, 5):
            archive.write(revision(spoken[index], seq, text))
            archive.update_live_files()
            for suffix, contents in versions.items():
                contents.append((folder / f"2026-11-25{suffix}").read_bytes())
        archive._close_set()
        for (suffix, contents), age in zip(versions.items(), ages, strict=True):
            old = contents[max(0, len(contents) - 1 - age)]
            (folder / f"2026-11-25{suffix}").write_bytes(old[: max(0, len(old) - cut)])
        archive.write(entry("Last.", 100))
        after = {suffix: (folder / f"2026-11-25{suffix}").read_bytes() for suffix in LIVE_SUFFIXES}
        for suffix in LIVE_SUFFIXES:
            archive._close_set()
            (folder / f"2026-11-25{suffix}").unlink()
        archive.write(entry("Last.", 100))
        assert after == {suffix: (folder / f"2026-11-25{suffix}").read_bytes() for suffix in LIVE_SUFFIXES}


def test_revisions_of_an_earlier_set(tmp_path: Path, clock: Clock) -> None:
    """A revision is written to the set that has its final, open or not, in this run or a later one."""
    one, two = entry("One.", 1), entry("Two.", 2)
    with opened(tmp_path, clock, split="run") as archive:
        archive.write(one)
        archive.start_set("Weekly")
        archive.write(two)
        archive.write(revision(one, 3, "First."))
        archive.write(entry("Three.", 4))
    with opened(tmp_path, clock, split="run") as archive:
        archive.write(revision(two, 5 + SEQ_MARGIN, "Second."))
        archive.update_live_files()
        archive.write(entry("Four.", 6 + SEQ_MARGIN))
    assert live_texts(tmp_path, "2026-11-25-120000") == [["First."]] * 3
    assert live_texts(tmp_path, "2026-11-25-weekly") == [["Second.", "Three."]] * 3
    assert live_texts(tmp_path, "2026-11-25-120000-2") == [["Four."]] * 3
    with opened(tmp_path, clock) as archive:
        assert [m.data["text"] for m in archive.resume_state.revisions] == ["First.", "Second."]
        assert archive.resume_state.seq >= 6 + 2 * SEQ_MARGIN


def test_a_final_of_the_set_before(tmp_path: Path, clock: Clock) -> None:
    """A final may be in the set before the one that its number suggests: it is found there."""
    one, two = entry("One.", 1), entry("Two.", 2)
    with opened(tmp_path, clock) as archive:
        archive.write(one)
        archive.write(two)
        with (tmp_path / "2026-11-25.jsonl").open() as file:
            header = file.readline()
        for title in ("a", "b"):
            archive.start_set(title)
            (tmp_path / f"2026-11-25-{title}.jsonl").write_text(header.replace('"seq":0', '"seq":1'))
        archive._close_set()
        archive.write(revision(two, 3, "Second."))
        archive.update_live_files()
    assert live_texts(tmp_path, "2026-11-25") == [["One.", "Second."]] * 3


def test_a_revision_without_its_final(tmp_path: Path, clock: Clock) -> None:
    """If the record has been deleted meanwhile, nothing is revised, and captions go on."""
    one = entry("One.", 1)
    with opened(tmp_path, clock) as archive:
        archive.write(revision(entry("Never written.", 1), 2, "x"))
        assert names(tmp_path) == []
        archive.write(one)
        archive.start_set("next")
        archive.write(entry("Two.", 4))
        (tmp_path / "2026-11-25.jsonl").unlink()
        archive.write(revision(one, 5, "First."))
        archive.update_live_files()
        archive.write(entry("Three.", 6))
    assert [line["type"] for line in lines(tmp_path, "2026-11-25-next")] == ["mark", "labels", "final", "final"]


def test_a_full_disk_during_a_revision(tmp_path: Path, clock: Clock) -> None:
    """A revision that could not be applied to a live file is applied when it is tried again."""
    one = entry("One.", 1)
    with opened(tmp_path, clock) as archive:
        archive.write(one)
        archive.write(revision(one, 2, "First."))
        (tmp_path / ".2026-11-25.srt.new").mkdir()  # in the way of the new file
        with pytest.raises(OSError, match="directory"):
            archive.update_live_files()
        with pytest.raises(OSError, match="directory"):
            archive.write(revision(one, 2, "First."))
        (tmp_path / ".2026-11-25.srt.new").rmdir()
        archive.write(revision(one, 2, "First."))
        archive.update_live_files()
    assert live_texts(tmp_path, "2026-11-25") == [["First."]] * 3
    assert [line["type"] for line in lines(tmp_path, "2026-11-25")] == ["mark", "labels", "final", "revised"]
