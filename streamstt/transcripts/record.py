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
from streamstt.subtitles.formats import HEADERS, LiveFormat, count_cues, render_cue
from streamstt.subtitles.timeline import shift_caption


@dataclass(frozen=True, slots=True)
class SetHeader:
    """Where a set begins: wall time, its title if somebody gave one, the session, and the last number before it."""

    started_at: datetime
    title: str
    session: str
    seq: int

    def to_line(self) -> bytes:
        """As it stands in the record."""
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
    """What a record says.

    Attributes:
        header: Its first line; None if that is not there.
        session: The last one that was written.
        seq: The highest number in it.
        finals: With ``label`` where there is one, in their order.
        complete_bytes: Bytes of the file that are whole lines; what is behind was never finished.
    """

    header: SetHeader | None = None
    session: str = ""
    seq: int = 0
    finals: list[Mapping[str, Any]] = field(default_factory=list)
    complete_bytes: int = 0

    @property
    def started_at(self) -> datetime:
        """Wall time of the beginning of the set."""
        if self.header is None:
            raise ValueError("the record has no beginning")
        return self.header.started_at


def format_time(moment: datetime) -> str:
    """Wall time as it stands in records."""
    return moment.isoformat(timespec="milliseconds")


def parse_time(text: str) -> datetime:
    """Wall time as it stands in records.

    Raises:
        ValueError: It is none, or does not say of which zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} is of no time zone")
    return at


def encode_line(data: Mapping[str, Any]) -> bytes:
    """One line of a record. Half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark."""
    return f"{to_json(data)}\n".encode(errors="replace")


def parse_record(content: bytes) -> TranscriptRecord:
    """Reads as much as can be read.

    Args:
        content: Of the file, in whatever state a crash or a loss of power left it.
    """
    record = TranscriptRecord()
    rest = 0
    for raw in content.splitlines(keepends=True):
        rest += len(raw)
        data = _parse_line(raw)
        if data is not None:
            _add_line(record, data)
        if raw.endswith(b"\n") or data is not None:
            record.complete_bytes = rest
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
        elif data["type"] == "final":
            _parse_final(data)
            record.finals.append(data)
    except (KeyError, TypeError, ValueError, OverflowError):
        return  # somebody else's line, or a damaged one
    record.seq = max(record.seq, seq)


def _parse_final(data: Mapping[str, Any]) -> Final:
    parse_time(data["at"])
    return parse_final(data)


def final_message(data: Mapping[str, Any]) -> Message:
    """A final of the record as clients got it."""
    told = {key: value for key, value in data.items() if key != "label"} | {"seq": int(data["seq"])}
    return make_message(_parse_final(data), told)


def render_cues(
    live_format: LiveFormat, finals: Sequence[Mapping[str, Any]], started_at: datetime, first_number: int = 1
) -> list[bytes]:
    """The finals of a record in another format, each by itself; times count from the beginning of the set.

    Args:
        live_format: ``srt``, ``vtt`` or ``txt``.
        finals: Lines of the record.
        started_at: Wall time of the beginning of the set.
        first_number: Number of the first cue; a long caption has several.
    """
    made = []
    number = first_number
    for data in finals:
        final, label = _parse_final(data), str(data.get("label", ""))
        start = max(0.0, (parse_time(data["at"]) - started_at).total_seconds())
        text = render_cue(live_format, number, shift_caption(final, start - final.start), label)
        number += count_cues(final, label) if live_format == "srt" else 1
        made.append(text.encode(errors="replace"))
    return made


def cue_total(finals: Sequence[Mapping[str, Any]]) -> int:
    """How many numbers the finals of a record take in SubRip."""
    return sum(count_cues(_parse_final(data), str(data.get("label", ""))) for data in finals)


def repair(live_format: LiveFormat, content: bytes, rendered: Sequence[bytes]) -> tuple[int, bytes]:
    """What brings a live file up to its record: how many bytes of it stay, and what is to be appended.

    A crash can have cut it short. What somebody has changed by hand since is kept; if no end of a caption can be found
    again in that, the file goes on behind it.

    Args:
        live_format: ``srt``, ``vtt`` or ``txt``.
        content: Of the file.
        rendered: The record's captions in this format.
    """
    head = HEADERS[live_format].encode()
    content = content.rstrip(b"\0")  # of a file system whose journal knew the length before the disk had the content
    whole = head + b"".join(rendered)
    if whole.startswith(content):
        return len(content), whole[len(content) :]
    for done in range(len(rendered), 0, -1):
        last, following = rendered[done - 1], rendered[done] if done < len(rendered) else b""
        begin = max(0, len(content) - len(last) - len(following))
        found = content.rfind(last, begin)
        end = found + len(last)
        if found >= 0 and following.startswith(content[end:]):
            return end, b"".join(rendered[done:])
    gap = b"\n" if live_format == "txt" else b"\n\n"
    return len(content), b"" if content.endswith(gap) else gap
