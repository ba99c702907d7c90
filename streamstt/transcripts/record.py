"""The record of a transcript set: JSON Lines, from which the other files can be restored. Pure.

A line is one of

    {"type":"mark", "at", "title", "session", "seq"}   header: the first line
    {"type":"run", "at", "session", "seq"}             the daemon was started again; its numbers are above seq
    {"type":"labels", "shown", "seq"}                  whether, from here on, the live files show labels
    {"type":"final", "seq", ..., "at", "label"}        as clients receive it

Before the first line ``labels`` (older versions wrote none), the live files show each label that is there.

Lines of other types and damaged lines are ignored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streamstt.events import Final
from streamstt.hub.protocol import Message, make_message, parse_final, to_json
from streamstt.subtitles.formats import HEADERS, LiveFormat


@dataclass(frozen=True, slots=True)
class SetHeader:
    """The first line of a record.

    Attributes:
        started_at: Wall time at which the set starts; cue times count from it.
        title: Title that a user gave; may be empty.
        session: Session of the daemon.
        seq: Last sequence number before the set.
    """

    started_at: datetime
    title: str
    session: str
    seq: int

    def to_line(self) -> bytes:
        """Encodes it as a line of the record."""
        data = {
            "type": "mark",
            "at": format_time(self.started_at),
            "title": self.title,
            "session": self.session,
            "seq": self.seq,
        }
        return encode_line(data)


@dataclass(slots=True)
class TranscriptRecord:
    """Content of a record.

    Attributes:
        header: Its first line; None if it is missing.
        session: The last session in it.
        seq: The highest sequence number in it.
        finals: Its finals in order, with ``show_label`` false if the live files do not show their label.
        shows_labels: Whether the live files show the labels of finals that follow; None: this is not recorded.
        complete_bytes: Length of the complete lines, in bytes; an incomplete line may follow.
    """

    header: SetHeader | None = None
    session: str = ""
    seq: int = 0
    finals: list[Mapping[str, Any]] = field(default_factory=list)
    shows_labels: bool | None = None
    complete_bytes: int = 0

    @property
    def started_at(self) -> datetime:
        """Wall time at which the set starts.

        Raises:
            ValueError: The record has no header.
        """
        if self.header is None:
            raise ValueError("the record has no header")
        return self.header.started_at


def format_time(moment: datetime) -> str:
    """Formats wall time for records: ISO 8601 to the millisecond."""
    return moment.isoformat(timespec="milliseconds")


def parse_time(text: str) -> datetime:
    """Parses wall time from a record.

    Raises:
        ValueError: It is invalid, or has no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def encode_line(data: Mapping[str, Any]) -> bytes:
    """Encodes a line of a record. A lone surrogate, which JSON allows and UTF-8 does not, becomes a question mark."""
    return f"{to_json(data)}\n".encode(errors="replace")


def parse_record(content: bytes) -> TranscriptRecord:
    """Parses as much of a record as is valid.

    Args:
        content: Content of the file, in whatever state a crash or a loss of power left it.
    """
    record = TranscriptRecord()
    position = 0
    for raw in content.splitlines(keepends=True):
        position += len(raw)
        data = _parse_line(raw)
        if data is not None:
            _add_line(record, data)
        if raw.endswith(b"\n") or data is not None:
            record.complete_bytes = position
    return record


def _parse_line(raw: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _add_line(record: TranscriptRecord, data: Mapping[str, Any]) -> None:
    try:
        seq = int(data["seq"])
        if data["type"] == "mark" and record.header is None:
            record.header = SetHeader(parse_time(data["at"]), str(data["title"]), str(data["session"]), seq)
        if data["type"] in {"mark", "run"}:
            record.session = str(data["session"])
        elif data["type"] == "labels":
            record.shows_labels = bool(data["shown"])
        elif data["type"] == "final":
            parse_record_final(data)
            record.finals.append({**data, "show_label": False} if record.shows_labels is False else data)
    except (KeyError, TypeError, ValueError, OverflowError):
        return  # a foreign line, or a damaged one
    record.seq = max(record.seq, seq)


def parse_record_final(data: Mapping[str, Any]) -> Final:
    """Parses a final of a record.

    Raises:
        ValueError: A value is invalid; also a ``KeyError``, ``TypeError`` or ``OverflowError`` for what is none.
    """
    parse_time(data["at"])
    return parse_final(data)


def final_message(data: Mapping[str, Any]) -> Message:
    """Restores the message of a final, as clients received it."""
    fields = {key: value for key, value in data.items() if key != "show_label"} | {"seq": int(data["seq"])}
    return make_message(parse_record_final(data), fields)


def repair(live_format: LiveFormat, content: bytes, rendered: Sequence[bytes]) -> tuple[int, bytes]:
    """Computes how to bring a live file up to date with its record.

    A crash may have cut the file short. Changes that were made by hand are kept. If the end of no caption can be found
    in the file, new captions are appended to it as it is.

    Args:
        live_format: ``srt``, ``vtt`` or ``txt``.
        content: Content of the file.
        rendered: The record's finals in this format.

    Returns:
        The number of bytes to keep, and the bytes to append.
    """
    header = HEADERS[live_format].encode()
    content = content.rstrip(b"\0")  # after a crash, some file systems extend a file before they write its content
    complete = header + b"".join(rendered)
    if complete.startswith(content):
        return len(content), complete[len(content) :]
    for count in range(len(rendered), 0, -1):
        last, following = rendered[count - 1], rendered[count] if count < len(rendered) else b""
        search_start = max(0, len(content) - len(last) - len(following))
        found = content.rfind(last, search_start)
        end = found + len(last)
        if found >= 0 and following.startswith(content[end:]):
            return end, b"".join(rendered[count:])
    gap = b"\n" if live_format == "txt" else b"\n\n"
    return len(content), b"" if content.endswith(gap) else gap
