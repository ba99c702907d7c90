"""What may be asked of a running daemon."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.errors import OutputError
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError
from streamstt.server.control import MAX_TITLE, handle_command
from streamstt.server.requests import MAX_CAPTION
from tests.support.captions import final, make_hub, partial
from tests.support.drawing import PROPERTY


class Marks:
    """Notes the titles."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    async def mark(self, title: str) -> str:
        if title == "full":
            raise OutputError("no room")
        self.titles.append(title)
        return f"set-{title}"


async def test_mark() -> None:
    """A mark begins a set, and the answer names it; the title may be missing."""
    marks = Marks()
    assert json.loads(await handle_command('{"type":"mark","title":"Weekly"}', marks, make_hub())) == {
        "type": "marked",
        "name": "set-Weekly",
    }
    await handle_command('{"type":"mark"}', marks, make_hub())
    assert marks.titles == ["Weekly", ""]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_message"),
        ("[]", "bad_message"),
        ('{"type":"stop"}', "bad_message"),
        ("[" * 100_000, "bad_message"),
        ('{"type":"mark","title":7}', "bad_title"),
        ('{"type":"mark","title":"\\ud800"}', "bad_title"),
        (json.dumps({"type": "mark", "title": "x" * (MAX_TITLE + 1)}), "bad_title"),
        ('{"type":"mark","title":"full"}', "not_written"),
    ],
)
async def test_refused(text: str, code: str) -> None:
    """What cannot be done is refused with a word for programs and a sentence for people."""
    with pytest.raises(ClientError) as refused:
        await handle_command(text, Marks(), make_hub())
    assert refused.value.code == code


async def test_without_transcripts() -> None:
    """When none are kept, the answer names the setting."""
    with pytest.raises(ClientError, match=r"transcript\.enabled"):
        await handle_command('{"type":"mark"}', None, make_hub())


async def revise(hub: Hub, **fields: Any) -> dict[str, Any]:
    return dict(json.loads(await handle_command(json.dumps({"type": "revise", **fields}), None, hub)))


async def test_revise() -> None:
    """A caption is corrected, starred, hidden and shown again; each answer is what viewers receive, with all fields."""
    hub = make_hub()
    hub.publish(final("Good mourning all.", 1.0, 4.0))
    corrected = await revise(hub, id="mic-1", text="Good morning all.")
    assert corrected == {
        "type": "revised",
        "seq": 2,
        "source": "mic",
        "id": "mic-1",
        "rev": 3,
        "start": 1.0,
        "end": 4.0,
        "text": "Good morning all.",
        "words": [
            {"text": "Good", "start": 1.0, "end": 2.0, "probability": 0.9},
            {"text": "morning", "start": 2.0, "end": 3.0, "probability": 1.0},
            {"text": "all.", "start": 3.0, "end": 4.0, "probability": 0.9},
        ],
        "language": "en",
        "at": corrected["at"],
        "steady": corrected["steady"],
        "label": "Mic",
        "final_seq": 1,
        "hidden": False,
        "starred": False,
        "edited": True,
    }
    starred = await revise(hub, id="mic-1", starred=True)
    assert (starred["seq"], starred["rev"], starred["text"]) == (3, 4, "Good morning all.")
    assert (starred["starred"], starred["hidden"], starred["edited"]) == (True, False, True)
    hidden = await revise(hub, id="mic-1", hidden=True)
    assert (hidden["starred"], hidden["hidden"], hidden["text"]) == (True, True, "Good morning all.")
    shown = await revise(hub, id="mic-1", hidden=False, starred=False, text="Good mourning all.")
    assert (shown["starred"], shown["hidden"], shown["edited"]) == (False, False, False)


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\x07"])
async def test_an_empty_text_hides(text: str) -> None:
    """A caption without words would be none: it is hidden, and keeps its text for when it is shown again."""
    hub = make_hub()
    hub.publish(final("Good morning."))
    hidden = await revise(hub, id="mic-1", text=text)
    assert (hidden["hidden"], hidden["text"]) == (True, "Good morning.")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" a \n b\tc ", "a b c"),
        ("a\x1b[2Jb", "a [2Jb"),
        ("a\u202eb", "ab"),
        ("a\ud800b", "a b"),
        ("\u0646\u200c\u0647 👩\u200d👩", "\u0646\u200c\u0647 👩\u200d👩"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
async def test_what_is_typed_becomes_one_line(typed: str, kept: str) -> None:
    """Control characters, changes of the writing direction and line breaks do not get into a caption."""
    hub = make_hub()
    hub.publish(final("Good morning."))
    assert (await revise(hub, id="mic-1", text=typed))["text"] == kept


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": "mic-1"}, "bad_message"),
        ({"hidden": True}, "bad_message"),
        ({"id": 7, "hidden": True}, "bad_message"),
        ({"id": "mic-1", "hidden": 1}, "bad_message"),
        ({"id": "mic-1", "starred": "yes"}, "bad_message"),
        ({"id": "mic-1", "hidden": True, "rev": "2"}, "bad_message"),
        ({"id": "mic-1", "text": 7}, "bad_text"),
        ({"id": "mic-1", "text": "x" * (MAX_CAPTION + 1)}, "bad_text"),
        ({"id": "mic-2", "text": "still open"}, "unknown_caption"),
        ({"id": "mic-3", "text": "withdrawn"}, "unknown_caption"),
        ({"id": "nobody-1", "hidden": True}, "unknown_caption"),
        ({"id": "mic-1", "hidden": True, "rev": 1}, "conflict"),
        ({"id": "mic-1", "hidden": True, "rev": 3}, "conflict"),
    ],
)
async def test_revisions_that_are_refused(fields: dict[str, Any], code: str) -> None:
    """What is not a final, has other types, is too long or was made for another revision changes nothing."""
    hub = make_hub()
    hub.publish(final("Good morning."), partial("still", number=2), final("", number=3))
    with pytest.raises(ClientError) as refused:
        await revise(hub, **fields)
    assert refused.value.code == code
    assert hub.seq == 3


async def test_two_editors() -> None:
    """The last one wins; who names the revision that he has seen is told that there is a newer one."""
    hub = make_hub()
    hub.publish(final("Good mourning."))
    first = await revise(hub, id="mic-1", text="Good morning.", rev=2)
    with pytest.raises(ClientError, match="somebody else"):
        await revise(hub, id="mic-1", text="Good evening.", rev=2)
    assert (await revise(hub, id="mic-1", text="Good evening.", rev=first["rev"]))["text"] == "Good evening."
    assert (await revise(hub, id="mic-1", text="Good night."))["text"] == "Good night."


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
KEYS = st.sampled_from(["id", "text", "hidden", "starred", "rev", "title", "x"])


@PROPERTY
@given(st.sampled_from(["revise", "mark"]), st.dictionaries(KEYS, JSON_VALUES | st.just("mic-1"), max_size=6))
async def test_any_request(kind: str, fields: dict[str, Any]) -> None:
    """Whatever a client sends, it is answered or refused; the caption has a text of one line and a message is sent."""
    hub = make_hub()
    hub.publish(final("Good morning."))
    try:
        answer = json.loads(await handle_command(json.dumps({"type": kind, **fields}), Marks(), hub))
    except ClientError:
        assert hub.seq == 1
        return
    if answer["type"] == "revised":
        assert answer["text"].strip() == answer["text"] != ""
        assert answer["text"].isprintable() or not answer["text"].isascii()
        assert hub.seq == 2
