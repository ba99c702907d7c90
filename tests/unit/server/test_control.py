"""What may be asked of a running daemon."""

import json

import pytest

from streamstt.errors import OutputError
from streamstt.hub.protocol import ClientError
from streamstt.server.control import MAX_TITLE, handle_command


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
    assert json.loads(await handle_command('{"type":"mark","title":"Weekly"}', marks)) == {
        "type": "marked",
        "name": "set-Weekly",
    }
    await handle_command('{"type":"mark"}', marks)
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
        await handle_command(text, Marks())
    assert refused.value.code == code


async def test_without_transcripts() -> None:
    """When none are kept, the answer names the setting."""
    with pytest.raises(ClientError, match=r"transcript\.enabled"):
        await handle_command('{"type":"mark"}', None)
