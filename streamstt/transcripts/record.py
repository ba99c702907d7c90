"""The record of a transcript set: JSON Lines, from which everything else can be made again. Pure.

A line is one of

    {"type":"mark", "at", "title", "session", "seq"}   the set begins; it is the first line
    {"type":"run", "at", "session", "seq"}             the daemon was started again, and numbers go on above seq
    {"type":"final", "seq", ..., "at", "label"}        as clients get it; label if whose it is has to be said

Lines of another kind, or that are damaged, are passed over.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streamstt.events import Final
from streamstt.hub.protocol import Message, make_message, parse_final, to_json
from streamstt.subtitles.formats import HEADS, LiveFormat, cue, cue_count
from streamstt.subtitles.timeline import moved


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a set begins: wall time, its title if somebody gave one, the session, and the last number before it."""

    at: datetime
    title: str
    session: str
    seq: int

    def line(self) -> bytes:
        """As it stands in the record."""
        data = {"type": "mark", "at": iso(self.at), "title": self.title, "session": self.session, "seq": self.seq}
        return line(data)


@dataclass(slots=True)
class Record:
    """What a record says.

    Attributes:
        mark: Its first line; None if that is not there.
        session: The last one that was written.
        seq: The highest number in it.
        finals: With ``label`` where there is one, in their order.
        whole: Bytes of the file that are whole lines; what is behind was never finished.
    """

    mark: Mark | None = None
    session: str = ""
    seq: int = 0
    finals: list[Mapping[str, Any]] = field(default_factory=list)
    whole: int = 0

    @property
    def began(self) -> datetime:
        """Wall time of the beginning of the set."""
        if self.mark is None:
            raise ValueError("the record has no beginning")
        return self.mark.at


def iso(moment: datetime) -> str:
    """Wall time as it stands in records."""
    return moment.isoformat(timespec="milliseconds")


def moment(text: str) -> datetime:
    """Wall time as it stands in records.

    Raises:
        ValueError: It is none, or does not say of which zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} is of no time zone")
    return at


def line(data: Mapping[str, Any]) -> bytes:
    """One line of a record. Half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark."""
    return f"{to_json(data)}\n".encode(errors="replace")


def read(content: bytes) -> Record:
    """Reads as much as can be read.

    Args:
        content: Of the file, in whatever state a crash or a loss of power left it.
    """
    record = Record()
    rest = 0
    for raw in content.splitlines(keepends=True):
        rest += len(raw)
        data = _data(raw)
        if data is not None:
            _take(record, data)
        if raw.endswith(b"\n") or data is not None:
            record.whole = rest
    return record


def _data(raw: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _take(record: Record, data: Mapping[str, Any]) -> None:
    try:
        seq = int(data["seq"])
        if data["type"] == "mark" and record.mark is None:
            record.mark = Mark(moment(data["at"]), str(data["title"]), str(data["session"]), seq)
        if data["type"] in {"mark", "run"}:
            record.session = str(data["session"])
        elif data["type"] == "final":
            _final(data)
            record.finals.append(data)
    except (KeyError, TypeError, ValueError, OverflowError):
        return  # somebody else's line, or a damaged one
    record.seq = max(record.seq, seq)


def _final(data: Mapping[str, Any]) -> Final:
    moment(data["at"])
    return parse_final(data)


def message(data: Mapping[str, Any]) -> Message:
    """A final of the record as clients got it."""
    told = {key: value for key, value in data.items() if key != "label"} | {"seq": int(data["seq"])}
    return make_message(_final(data), told)


def cues(form: LiveFormat, finals: Sequence[Mapping[str, Any]], begin: datetime, first: int = 1) -> list[bytes]:
    """The finals of a record in another format, each by itself; times count from the beginning of the set.

    Args:
        form: ``srt``, ``vtt`` or ``txt``.
        finals: Lines of the record.
        begin: Wall time of the beginning of the set.
        first: Number of the first cue; a long caption has several.
    """
    made = []
    number = first
    for data in finals:
        final, label = _final(data), str(data.get("label", ""))
        start = max(0.0, (moment(data["at"]) - begin).total_seconds())
        text = cue(form, number, moved(final, start - final.start), label)
        number += cue_count(final, label) if form == "srt" else 1
        made.append(text.encode(errors="replace"))
    return made


def numbers(finals: Sequence[Mapping[str, Any]]) -> int:
    """How many numbers the finals of a record take in SubRip."""
    return sum(cue_count(_final(data), str(data.get("label", ""))) for data in finals)


def mended(form: LiveFormat, content: bytes, made: Sequence[bytes]) -> tuple[int, bytes]:
    """What brings a live file up to its record: how many bytes of it stay, and what is to be appended.

    A crash can have cut it short. What somebody has changed by hand since is kept; if no end of a caption can be found
    again in that, the file goes on behind it.

    Args:
        form: ``srt``, ``vtt`` or ``txt``.
        content: Of the file.
        made: The record's captions in this format.
    """
    head = HEADS[form].encode()
    content = content.rstrip(b"\0")  # of a file system whose journal knew the length before the disk had the content
    whole = head + b"".join(made)
    if whole.startswith(content):
        return len(content), whole[len(content) :]
    for done in range(len(made), 0, -1):
        last, following = made[done - 1], made[done] if done < len(made) else b""
        begin = max(0, len(content) - len(last) - len(following))
        found = content.rfind(last, begin)
        end = found + len(last)
        if found >= 0 and following.startswith(content[end:]):
            return end, b"".join(made[done:])
    gap = b"\n" if form == "txt" else b"\n\n"
    return len(content), b"" if content.endswith(gap) else gap
