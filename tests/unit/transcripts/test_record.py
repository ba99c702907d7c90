"""The record of a set, and the live files that are repaired from it, in whatever state a crash left them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamstt.hub.protocol import encode, wall_time
from streamstt.subtitles.formats import HEADERS, LiveFormat
from streamstt.transcripts.live_cues import LiveCues
from streamstt.transcripts.record import SetHeader, encode_line, final_message, parse_record, repair
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
    assert [json.loads(final_message(f).text) for f in record.finals] == json.loads(json.dumps(FINALS))
    assert final_message(record.finals[2]).event == final("Grüße an <alle>.", 5.5, 6.5, "mic", 15)
    assert final_message(record.finals[2]).at == BEGIN + timedelta(seconds=5.5)
    assert json.loads(final_message({**record.finals[0], "label": "You", "show_label": False}).text)["label"] == "You"


def test_a_record_cut_anywhere() -> None:
    """Wherever a write was cut off, all complete lines are read."""
    ends = [len(CONTENT[: i + 1]) for i, byte in enumerate(CONTENT) if byte == ord("\n")]
    for cut in range(len(CONTENT) + 1):
        record = parse_record(CONTENT[:cut])
        complete = [end for end in ends if end - 1 <= cut]  # a line without its newline is complete
        assert bool(record.header) + len(record.finals) == len(complete)
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
        b"[" * 100_000,
    ],
)
def test_damaged_lines(junk: bytes) -> None:
    """A damaged or foreign line is ignored; the lines around it are read."""
    first, *rest = CONTENT.splitlines(keepends=True)
    record = parse_record(first + junk + b"\n" + b"".join(rest))
    assert record.header == HEADER
    assert len(record.finals) == 3


def test_lone_surrogates() -> None:
    """A lone surrogate does not keep the rest of a text from being written."""
    broken = entry("a \ud800 b", 1)
    assert parse_record(HEADER.to_line() + encode_line(broken)).finals[0]["text"] == "a ? b"
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
