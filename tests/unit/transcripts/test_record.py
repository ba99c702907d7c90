"""The record of a set, and the live files that are repaired from it, in whatever state a crash left them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamstt.hub.protocol import encode, make_message, parse_event, wall_time
from streamstt.hub.revisions import Correction, make_revision
from streamstt.subtitles.formats import HEADERS, LiveFormat
from streamstt.transcripts.live_cues import LiveCues
from streamstt.transcripts.record import SetHeader, encode_line, final_message, parse_record
from streamstt.transcripts.repair import repair, revise_content
from tests.support.captions import final

BEGIN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
HEADER = SetHeader(BEGIN, "Weekly", "s1", 7)
LIVE: tuple[LiveFormat, ...] = ("txt", "srt", "vtt")


def entry(text: str, number: int, start: float = 1.0, source: str = "mic", **more: str) -> Mapping[str, Any]:
    spoken = final(text, start, start + 1, source, number)
    return {**encode(spoken, number, wall_time(BEGIN.isoformat(), start)).data, **more}


FINALS = [entry("Yes.", 10, 1.0), entry("Yes.", 12, 3.0), entry("Grüße an <alle>.", 15, 5.5)]
CONTENT = HEADER.to_line() + b"".join(map(encode_line, FINALS))


def test_a_record_round_trips() -> None:
    """Header, session, the highest number and every final are read as they were written."""
    run = encode_line({"type": "run", "at": BEGIN.isoformat(), "session": "s2", "seq": 99})
    record = parse_record(CONTENT + run)
    assert record.header == HEADER
    assert (record.session, record.seq) == ("s2", 99)
    assert [json.loads(final_message(f).text) for f in record.recognized] == json.loads(json.dumps(FINALS))
    assert final_message(record.recognized[2]).event == final("Grüße an <alle>.", 5.5, 6.5, "mic", 15)
    assert final_message(record.recognized[2]).at == BEGIN + timedelta(seconds=5.5)
    assert (
        json.loads(final_message({**record.recognized[0], "label": "You", "show_label": False}).text)["label"] == "You"
    )


def test_steady_times() -> None:
    """A record keeps the steady time of its start and of its last line; older records have wall time only."""
    header = replace(HEADER, steady=BEGIN.timestamp() + 7)
    last = {**FINALS[2], "steady": BEGIN.timestamp() + 5000}
    record = parse_record(header.to_line() + encode_line(FINALS[0]) + encode_line(last))
    assert record.header == header
    assert record.steady_at == BEGIN + timedelta(seconds=7)
    assert record.latest == (BEGIN + timedelta(seconds=5.5), BEGIN + timedelta(seconds=5000))
    old = parse_record(CONTENT)
    assert (old.steady_at, old.latest) == (BEGIN, (BEGIN + timedelta(seconds=5.5),) * 2)


def test_a_record_cut_anywhere() -> None:
    """Wherever a write was cut off, all complete lines are read."""
    ends = [len(CONTENT[: i + 1]) for i, byte in enumerate(CONTENT) if byte == ord("\n")]
    for cut in range(len(CONTENT) + 1):
        record = parse_record(CONTENT[:cut])
        complete = [end for end in ends if end - 1 <= cut]  # a line without its newline is complete
        assert bool(record.header) + len(record.recognized) == len(complete)
        assert record.complete_bytes == min(cut, max(complete, default=0))


@pytest.mark.parametrize(
    "junk",
    [
        b"\0\0\0\0",
        b"{",
        b"[]",
        b"null",
        b'"final"',
        b"\xff\xfe",
        b'{"type":"final"}',
        b'{"type":"final","seq":1}',
        b'{"type":"mark","seq":"x"}',
        b'{"type":"final","seq":1e999}',
        encode_line({**FINALS[0], "at": "noon"}).strip(),
        encode_line({**FINALS[0], "at": "2026-11-25T09:00:00"}).strip(),
        encode_line({**FINALS[0], "words": [{"text": "?"}]}).strip(),
        encode_line({**FINALS[0], "start": float("inf")}).strip(),
        b'{"type":"revised","seq":20}',
        encode_line({**FINALS[0], "type": "revised", "final_seq": 10}).strip(),
        encode_line({**FINALS[0], "type": "revised", "final_seq": 11, "hidden": True, "edited": True}).strip(),
        b"[" * 100_000,
    ],
)
def test_damaged_lines(junk: bytes) -> None:
    """A damaged or foreign line is ignored; the lines around it are read."""
    first, *rest = CONTENT.splitlines(keepends=True)
    record = parse_record(first + junk + b"\n" + b"".join(rest))
    assert record.header == HEADER
    assert len(record.recognized) == 3


def test_lone_surrogates() -> None:
    """A lone surrogate does not keep the rest of a text from being written."""
    broken = entry("a \ud800 b", 1)
    assert parse_record(HEADER.to_line() + encode_line(broken)).recognized[0]["text"] == "a ? b"
    assert [LiveCues(live_format, BEGIN).render(broken).count(b"a ? b") for live_format in LIVE] == [1, 1, 1]


def test_labels() -> None:
    """A label is shown in each format."""
    labelled = entry("Hi.", 1, label="You & <me>")
    assert [LiveCues(live_format, BEGIN).render(labelled).decode().split("\n")[-3:] for live_format in LIVE] == [
        ["You & <me>: Hi.", ""],
        ["You & <me>: Hi.", "", ""],
        ["<v You &amp; &lt;me&gt;>Hi.", "", ""],
    ]


def complete_file(live_format: LiveFormat) -> tuple[list[bytes], bytes]:
    cues = LiveCues(live_format, BEGIN)
    rendered = [cues.render(data) for data in FINALS]
    return rendered, HEADERS[live_format].encode() + b"".join(rendered)


@pytest.mark.parametrize("live_format", LIVE)
@pytest.mark.parametrize("tail", [b"", b"\0\0\0"])
def test_a_live_file_cut_anywhere(live_format: LiveFormat, tail: bytes) -> None:
    """Wherever a write was cut off, a live file is completed from the record: no caption twice, none missing."""
    rendered, complete = complete_file(live_format)
    for cut in range(len(complete) + 1):
        kept, more = repair(live_format, complete[:cut] + tail, rendered)
        assert complete[:kept] + more == complete


@pytest.mark.parametrize("live_format", LIVE)
def test_changes_by_hand_are_kept(live_format: LiveFormat) -> None:
    """A file in which a word was corrected by hand is continued with what is missing, if its end is found."""
    rendered, complete = complete_file(live_format)
    edited = complete.replace(b"Yes", b"Yeah", 1)
    for cut in range(len(edited) - len(rendered[2]), len(edited) + 1):
        kept, more = repair(live_format, edited[:cut], rendered)
        assert edited[:kept] + more == edited


@pytest.mark.parametrize("live_format", LIVE)
def test_a_file_without_a_known_end(live_format: LiveFormat) -> None:
    """A file that was rewritten by hand is kept as it is; the next caption is appended after a gap."""
    kept, more = repair(live_format, b"Minutes, by hand", complete_file(live_format)[0])
    assert (kept, more.strip()) == (16, b"")
    assert more.endswith(b"\n")


# ---- revisions


def revision(of: Mapping[str, Any], seq: int, text: str | None = None, **flags: bool) -> Mapping[str, Any]:
    return make_revision(final_message(of), None, Correction(of["id"], text, **flags), seq).data


def test_a_record_keeps_both() -> None:
    """The final stays as it was recognized; ``finals_before`` has it as it is now, empty if it is hidden."""
    added = [revision(FINALS[0], 20, "No."), revision(FINALS[0], 21, "Never."), revision(FINALS[1], 22, hidden=True)]
    record = parse_record(CONTENT + b"".join(map(encode_line, added)))
    assert record.recognized == json.loads(json.dumps(FINALS))
    assert [data["text"] for data in record.finals_before() if data["text"]] == ["Never.", "Grüße an <alle>."]
    assert [data["text"] for data in record.finals_before(1)] == ["Never.", "Yes.", "Grüße an <alle>."]
    assert [data["text"] for data in record.finals_before(3)] == ["Yes.", "Yes.", "Grüße an <alle>."]
    assert [data["seq"] for data in record.revisions] == [21, 22]
    assert record.seq == 22


def file_of(live_format: LiveFormat, added: list[Mapping[str, Any]], undone: int = 0) -> tuple[list[bytes], bytes]:
    """The finals of a record with revisions, rendered, and the live file."""
    record = parse_record(CONTENT + b"".join(map(encode_line, added)))
    rendered = LiveCues(live_format, BEGIN).render_all(record.finals_before(undone))
    return rendered, HEADERS[live_format].encode() + b"".join(rendered)


@pytest.mark.parametrize("live_format", LIVE)
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("changes", [{"text": "It is not so, and never was. " * 5}, {"hidden": True}])
def test_a_live_file_follows_a_revision(live_format: LiveFormat, index: int, changes: dict[str, Any]) -> None:
    """Wherever the file was cut off, it is as if it had been written after the revision; a second time changes nothing.
    In a file with changes by hand, the caption is replaced, and the changes stay."""
    added = [revision(FINALS[index], 20, **changes)]
    (before, old), (after, new) = file_of(live_format, added, 1), file_of(live_format, added)
    for cut in range(len(old) + 1):
        revised = revise_content(live_format, old[:cut], before, after, index)
        kept, more = repair(live_format, revised, after)
        assert revised[:kept] + more == new
    assert revise_content(live_format, new, before, after, index) == new
    other = 2 if index < 2 else 0
    by_hand = before[other].replace(b"<", b"").replace(b"Yes.", b"Yes, by hand.").replace(b"an", b"by hand")
    edited = old.replace(before[other], by_hand, 1)
    revised = revise_content(live_format, edited, before, after, index)
    assert revised == edited.replace(b"".join(before[index : index + 1]), after[index], 1) or index == 1
    assert by_hand in revised
    assert before[index] not in revised or live_format == "txt"
    assert revise_content(live_format, revised, before, after, index) == revised


@pytest.mark.parametrize("live_format", LIVE)
def test_a_hidden_caption_comes_back(live_format: LiveFormat) -> None:
    """A caption that is shown again is where it was, also in a file with changes by hand."""
    hidden = revision(FINALS[1], 20, hidden=True)
    shown = make_revision(final_message(FINALS[1]), None, Correction("mic-12", hidden=False), 21).data
    added = [hidden, shown]
    (before, old), (after, new) = file_of(live_format, added, 1), file_of(live_format, added)
    assert new == complete_file(live_format)[1]
    assert revise_content(live_format, old, before, after, 1) == new
    edited = old + b"By hand\n"
    assert revise_content(live_format, edited, before, after, 1).count(after[1]) == new.count(after[1])


def test_stars_in_live_files() -> None:
    """A starred caption has a star in the text file; in subtitles it has none."""
    added = [revision(FINALS[2], 20, starred=True)]
    assert file_of("txt", added)[1].decode() == "Yes.\nYes.\n★ Grüße an <alle>.\n"
    assert file_of("srt", added)[1] == complete_file("srt")[1]


def test_a_revision_round_trips() -> None:
    """A revision is read from its message as it was made."""
    data = revision(FINALS[2], 20, "Grüße.", starred=True)
    event = parse_event(json.loads(json.dumps(data)))
    assert event == make_revision(final_message(FINALS[2]), None, Correction("x", "Grüße.", starred=True), 20).event
    assert event
    assert make_message(event, data).data == data
