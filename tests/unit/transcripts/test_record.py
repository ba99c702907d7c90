"""The record of a set, and the files that are made from it, in whatever state a crash left them."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamstt.hub.protocol import encode, wall_time
from streamstt.subtitles.formats import HEADERS, LiveFormat
from streamstt.transcripts.record import (
    SetHeader,
    cue_total,
    encode_line,
    final_message,
    parse_record,
    render_cues,
    repair,
)
from tests.support.captions import final

BEGIN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
MARK = SetHeader(BEGIN, "Weekly", "s1", 7)
LIVE: tuple[LiveFormat, ...] = ("txt", "srt", "vtt")


def entry(text: str, number: int, start: float = 1.0, source: str = "mic", **more: str) -> Mapping[str, Any]:
    spoken = final(text, start, start + 1, source, number)
    return {**encode(spoken, number, wall_time(BEGIN.isoformat(), start)).data, **more}


FINALS = [entry("Yes.", 10, 1.0), entry("Yes.", 12, 3.0), entry("Grüße an <alle>.", 15, 5.5)]
CONTENT = MARK.to_line() + b"".join(map(encode_line, FINALS))


def test_what_was_written_is_read() -> None:
    """Mark, session, the highest number and every final come back as they were."""
    run = encode_line({"type": "run", "at": BEGIN.isoformat(), "session": "s2", "seq": 99})
    record = parse_record(CONTENT + run)
    assert record.header == MARK
    assert (record.session, record.seq) == ("s2", 99)
    assert [json.loads(final_message(f).text) for f in record.finals] == json.loads(json.dumps(FINALS))
    assert final_message(record.finals[2]).event == final("Grüße an <alle>.", 5.5, 6.5, "mic", 15)
    assert final_message(record.finals[2]).at == BEGIN + timedelta(seconds=5.5)
    assert final_message({**record.finals[0], "label": "You"}).text == final_message(record.finals[0]).text


def test_a_record_cut_anywhere() -> None:
    """Wherever a write was broken off, all whole lines are read, and only the broken one is not."""
    ends = [len(CONTENT[: i + 1]) for i, byte in enumerate(CONTENT) if byte == ord("\n")]
    for cut in range(len(CONTENT) + 1):
        record = parse_record(CONTENT[:cut])
        whole = [end for end in ends if end - 1 <= cut]  # a line without its newline is whole
        assert bool(record.header) + len(record.finals) == len(whole)
        assert record.complete_bytes == min(cut, max(whole, default=0))


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
    """A line that is none of ours is passed over; what stands around it counts."""
    first, *rest = CONTENT.splitlines(keepends=True)
    record = parse_record(first + junk + b"\n" + b"".join(rest))
    assert record.header == MARK
    assert len(record.finals) == 3


def test_times_count_from_the_beginning_of_the_set() -> None:
    """A cue's time is the time since the set began, whatever run and source it is from; none is before that."""
    later = {**entry("Late.", 3, 2.0), "at": (BEGIN + timedelta(hours=2)).isoformat()}
    early = {**entry("Early.", 4, 2.0), "at": (BEGIN - timedelta(seconds=5)).isoformat()}
    assert [c.decode() for c in render_cues("srt", [later, early], BEGIN, 8)] == [
        "8\n02:00:00,000 --> 02:00:01,000\nLate.\n\n",
        "9\n00:00:00,000 --> 00:00:01,000\nEarly.\n\n",
    ]


def test_numbers_go_on() -> None:
    """A long caption takes several numbers in SubRip; the next one begins behind them, after a new start as well."""
    finals = [entry("Every word of it. " * 8, 1), entry("Yes.", 2)]
    srt = b"".join(render_cues("srt", finals, BEGIN)).decode()
    assert re.findall(r"^(\d+)$", srt, re.MULTILINE) == ["1", "2", "3"]
    assert cue_total(finals) == 3
    assert srt.endswith(render_cues("srt", finals[1:], BEGIN, 1 + cue_total(finals[:1]))[0].decode())


def test_half_a_letter() -> None:
    """What is no letter by itself does not stop the rest from being written."""
    broken = entry("a \ud800 b", 1)
    assert parse_record(MARK.to_line() + encode_line(broken)).finals[0]["text"] == "a ? b"
    assert [render_cues(form, [broken], BEGIN)[0].count(b"a ? b") for form in LIVE] == [1, 1, 1]


def test_labels() -> None:
    """A caption that says whose it is says it in each format."""
    labelled = [entry("Hi.", 1, label="You & <me>")]
    assert [render_cues(form, labelled, BEGIN)[0].decode().split("\n")[-3:] for form in LIVE] == [
        ["You & <me>: Hi.", ""],
        ["You & <me>: Hi.", "", ""],
        ["<v You &amp; &lt;me&gt;>Hi.", "", ""],
    ]


def whole(form: LiveFormat) -> tuple[list[bytes], bytes]:
    made = render_cues(form, FINALS, BEGIN)
    return made, HEADERS[form].encode() + b"".join(made)


@pytest.mark.parametrize("form", LIVE)
@pytest.mark.parametrize("tail", [b"", b"\0\0\0"])
def test_a_live_file_cut_anywhere(form: LiveFormat, tail: bytes) -> None:
    """Wherever a write was broken off, a live file becomes what the record says: no caption twice, none missing."""
    made, complete = whole(form)
    for cut in range(len(complete) + 1):
        kept, more = repair(form, complete[:cut] + tail, made)
        assert complete[:kept] + more == complete


@pytest.mark.parametrize("form", LIVE)
def test_what_was_changed_by_hand_stays(form: LiveFormat) -> None:
    """A file in which somebody has corrected a word goes on behind it: with what is missing, when the end is found."""
    made, complete = whole(form)
    edited = complete.replace(b"Yes", b"Yeah", 1)
    for cut in range(len(edited) - len(made[2]), len(edited) + 1):
        kept, more = repair(form, edited[:cut], made)
        assert edited[:kept] + more == edited


@pytest.mark.parametrize("form", LIVE)
def test_a_file_in_which_nothing_is_found_again(form: LiveFormat) -> None:
    """A file that somebody has rewritten is kept as it is; the next caption begins on its own."""
    kept, more = repair(form, b"Minutes, by hand", whole(form)[0])
    assert (kept, more.strip()) == (16, b"")
    assert more.endswith(b"\n")
