"""Downloads: what is made of records and of finals as clients receive them."""

import io
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from streamstt.events import Final, Revised
from streamstt.hub.history import History
from streamstt.hub.protocol import Message, encode, wall_time
from streamstt.hub.revisions import Correction, make_revision
from streamstt.subtitles.formats import FORMATS, Format, render
from streamstt.subtitles.timeline import align_captions
from streamstt.transcripts.export import export
from streamstt.transcripts.record import SetHeader
from tests.support.captions import final

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ALL = 10**9


def message(text: str, seq: int, source: str = "room", label: str = "", started_at: datetime = NOON) -> Message:
    event = final(text, float(seq), seq + 0.9, source, seq)
    return encode(event, seq, wall_time(started_at.isoformat(), event.start), label)


def lines(messages: Sequence[Message]) -> io.BytesIO:
    return io.BytesIO("".join(f"{m.text}\n" for m in messages).encode())


def exported(
    file_format: Format, *files: io.BytesIO, since: int = 0, until: int = ALL, zero: datetime | None = None
) -> str:
    return "".join(export(files, file_format, "s1", since, until, zero))


def random_finals(seed: int) -> list[Final]:
    """Captions of three sources, some of which overlap, in no order."""
    chance = random.Random(seed)
    finals = []
    for source in ("room", "door", "stage"):
        start = 0.0
        for number in range(20):
            start = round(max(0.0, start + chance.uniform(-1, 4)), 3)
            text = " ".join(chance.choices(["so", "we said,", "the budget.", "extraordinarily", "it"], k=12))
            finals.append(final(text, start, round(start + chance.uniform(0.1, 9), 3), source, number))
    chance.shuffle(finals)
    return finals


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("seed", range(5))
def test_as_if_rendered_at_once(file_format: Format, seed: int) -> None:
    """Rendered piece by piece, a file is the same as if all captions were in memory, however they overlap."""
    starts = {"room": "2026-11-25T12:00:00+00:00", "door": "2026-11-25T12:00:03.500+00:00", "stage": NOON.isoformat()}
    messages = [encode(f, n, wall_time(starts[f.source], f.start)) for n, f in enumerate(random_finals(seed), 1)]
    expected = render(align_captions([(m.event, m.at) for m in messages if isinstance(m.event, Final)]), file_format)
    actual = exported(file_format, lines(messages))
    if file_format == "json":
        captions = json.loads(actual)["captions"]
        actual_captions = [{k: v for k, v in c.items() if k not in {"label", "at", "session"}} for c in captions]
        assert actual_captions == json.loads(expected)["captions"]
    else:
        assert actual == expected


def test_labels() -> None:
    """Each caption has the label that its source had then; without one, as in old records, its source's name."""
    messages = [message("Hello.", 1, "room", "Room"), message("Hi.", 2, "guest", "Ana"), message("Hm.", 3, "guest")]
    assert exported("txt", lines(messages)) == "Room: Hello.\nAna: Hi.\nguest: Hm.\n"
    assert "\nAna: Hi.\n" in exported("srt", lines(messages))
    assert "\n<v Ana>Hi.\n" in exported("vtt", lines(messages))
    assert exported("txt", lines(messages[:1])) == "Hello.\n", "one source needs no label"
    caption = json.loads(exported("json", lines(messages[:1])))["captions"][0]
    known = {"source": "room", "label": "Room", "at": "2026-11-25T12:00:01.000+00:00", "session": "s1"}
    assert {key: caption[key] for key in known} == known


def test_records_and_history() -> None:
    """A final that is in several places is exported once, and each with the session that published it."""
    first = SetHeader(NOON, "", "s0", 0).to_line() + lines([message("One.", 1), message("Two.", 2)]).getvalue()
    run = b'{"type":"run","at":"2026-11-25T12:00:00+00:00","session":"s1","seq":2}\n'
    second = run + lines([message("Three.", 3)]).getvalue()
    files = io.BytesIO(first), io.BytesIO(second), lines([message("Three.", 3), message("Four.", 4)])
    assert exported("txt", *files) == "One.\nTwo.\nThree.\nFour.\n"
    captions = json.loads(exported("json", *files))["captions"]
    assert [c["session"] for c in captions] == ["s0", "s0", "s1", "s1"]
    assert exported("txt", *files, since=1, until=3) == "Two.\nThree.\n"


def test_a_set_counts_from_its_mark() -> None:
    """Also if the source began long before: what ends before the mark is left out, what lasts over it is cut off."""
    messages = [message("One.", 3600), message("Two.", 3601), message("Three.", 3605)]
    mark = NOON + timedelta(seconds=3601.5)
    captions = json.loads(exported("json", lines(messages), zero=mark))["captions"]
    times = [(c["text"], c["start"], c["end"]) for c in captions]
    assert times == [("Two.", 0.0, 0.4), ("Three.", 3.5, 4.4)]


def test_hidden_before_it_is_on_disk() -> None:
    """What was hidden is in no file, also if the disk does not know yet; what is shown again is in it."""
    recorded = message("One.", 1)
    hidden = make_revision(recorded, None, Correction("room-1", hidden=True), 2)
    assert isinstance(hidden.event, Revised)
    history = History(10, 10)
    history.add(recorded)
    history.add_revision(hidden, 1)
    assert exported("txt", lines([recorded]), lines(history.finals_up_to(2))) == ""
    history.add_revision(make_revision(recorded, hidden.event, Correction("room-1", hidden=False), 3), 2)
    assert exported("txt", lines([recorded, hidden]), lines(history.finals_up_to(3))) == "One.\n"


def test_revisions_of_old_captions() -> None:
    """A revision counts also if its final is no longer in memory."""
    one, two = message("One.", 1), message("Two.", 2)
    corrected = make_revision(one, None, Correction("room-1", text="First."), 3)
    hidden = make_revision(two, None, Correction("room-2", hidden=True), 4)
    assert exported("txt", lines([one, two, corrected, hidden]), lines([])) == "First.\n"


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b"null", b'{"type":"final"}', b'{"type":"final","seq":7,"text":"?"}', b"[" * 99_999]
)
def test_damaged_lines(junk: bytes) -> None:
    """Foreign and damaged lines are left out, and so are finals that withdraw a partial."""
    content = lines([message("One.", 1), message("", 2)]).getvalue() + junk + b"\n" + message("Three.", 3).text.encode()
    assert exported("txt", io.BytesIO(content)) == "One.\nThree.\n"


@pytest.mark.parametrize("file_format", FORMATS)
def test_nothing(file_format: Format) -> None:
    """Without captions, a file is valid all the same."""
    assert exported(file_format) == render([], file_format)
