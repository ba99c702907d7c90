"""The transcript file, with real files."""

import json
import stat
from pathlib import Path

import pytest
from making import final, make_hub, partial

from streamstt.errors import SinkError
from streamstt.serve.hub import Hub
from streamstt.sinks.transcript import TranscriptFile
from streamstt.speech.captions import State, Status


async def write(file: Path, hub: Hub, *texts: str) -> None:
    transcript = TranscriptFile(str(file))
    with hub.subscribe() as outbox:
        hub.publish(Status("mic", State.SPEECH))
        for number, text in enumerate(texts):
            hub.publish(partial(text, number=number))
            hub.publish(final(text, number=number))
        outbox.finish()
        await transcript.run(outbox)


async def test_finals_only(tmp_path: Path) -> None:
    """Each final that says something is a line of JSON, as clients get it; nothing else is written."""
    await write(tmp_path / "a" / "b.jsonl", make_hub(), "Grüße.", "", "Two.")
    lines = (tmp_path / "a" / "b.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["Grüße.", "Two."]
    assert {json.loads(line)["type"] for line in lines} == {"final"}
    assert "Grüße." in lines[0]


async def test_appends(tmp_path: Path) -> None:
    """What is in the file stays."""
    for text in ("One.", "Two."):
        await write(tmp_path / "b.jsonl", make_hub(), text)
    assert (tmp_path / "b.jsonl").read_text().count("\n") == 2


async def test_for_its_owner_only(tmp_path: Path) -> None:
    """What was spoken is nobody else's business."""
    await write(tmp_path / "b.jsonl", make_hub(), "One.")
    assert stat.S_IMODE((tmp_path / "b.jsonl").stat().st_mode) == 0o600


def test_cannot_be_opened(tmp_path: Path) -> None:
    """A place that cannot be written is an error with its path and the reason."""
    with pytest.raises(SinkError, match="Is a directory"):
        TranscriptFile(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"cannot write the transcript .*file/below"):
        TranscriptFile(str(tmp_path / "file" / "below"))
