"""The record of a transcript set: JSON Lines, from which the other files can be restored. Pure.

A line is one of

    {"type":"mark", "at", "steady", "title", "session", "seq"}   header: the first line
    {"type":"run", "at", "steady", "session", "seq"}   the daemon was started again; its numbers are above seq
    {"type":"final", "seq", ..., "at", "steady", "label"}   as clients receive it
    {"type":"revised", "seq", ..., "final_seq"}        as clients receive it: an earlier final as it is now
    {"type":"labels", "shown", "seq"}                  whether, from here on, the live files show labels

Before the first line ``labels`` (older versions wrote none), the live files show each label that is there.

``at`` is wall time; ``steady`` is the same in seconds since 1970 by a clock that is never set, so that times of a set
can be subtracted from each other although the clock was wrong at first. It continues from run to run. Records of older
versions have no ``steady``, and ``at`` takes its place. Lines of other types and damaged lines are ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streamstt.events import Final
from streamstt.hub.protocol import Message, make_message, parse_event, parse_final, steady_time, to_json
from streamstt.hub.revisions import revise


@dataclass(frozen=True, slots=True)
class SetHeader:
    """The first line of a record.

    Attributes:
        started_at: Wall time at which the set starts.
        title: Title that a user gave; may be empty.
        session: Session of the daemon.
        seq: Last sequence number before the set.
        steady: The same as ``started_at`` by the steady clock (s since 1970); None: in records of older versions.
    """

    started_at: datetime
    title: str
    session: str
    seq: int
    steady: float | None = None

    @property
    def steady_at(self) -> datetime:
        """When the set starts, by the steady clock; cue times count from it."""
        return self.started_at if self.steady is None else datetime.fromtimestamp(self.steady, UTC)

    def to_line(self) -> bytes:
        """Encodes it as a line of the record."""
        data = {
            "type": "mark",
            "at": format_time(self.started_at),
            **({} if self.steady is None else {"steady": round(self.steady, 3)}),
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
        latest: Wall time and steady time of its last line.
        entries: Its finals, as they were recognized, and revisions, in order; a final has ``show_label`` false if the
            live files do not show its label.
        final_seqs: Numbers of its finals.
        shows_labels: Whether the live files show the labels of finals that follow; None: this is not recorded.
        complete_bytes: Length of the complete lines, in bytes; an incomplete line may follow.
    """

    header: SetHeader | None = None
    session: str = ""
    seq: int = 0
    latest: tuple[datetime, datetime] | None = None
    entries: list[Mapping[str, Any]] = field(default_factory=list)
    final_seqs: set[int] = field(default_factory=set)
    shows_labels: bool | None = None
    complete_bytes: int = 0

    @property
    def recognized(self) -> list[Mapping[str, Any]]:
        """The finals in order, as they were recognized."""
        return [entry for entry in self.entries if entry["type"] == "final"]

    @property
    def revised_indexes(self) -> list[int]:
        """For each revision in order, which of the finals it revises."""
        indexes = {final["seq"]: index for index, final in enumerate(self.recognized)}
        return [indexes[entry["final_seq"]] for entry in self.entries if entry["type"] == "revised"]

    def finals_before(self, undone: int = 0) -> list[Mapping[str, Any]]:
        """Returns all finals in order, as they were before the last revisions; hidden ones are empty.

        Args:
            undone: Number of revisions to leave out, the last ones.
        """
        revised = [entry for entry in self.entries if entry["type"] == "revised"]
        last = {entry["final_seq"]: entry for entry in revised[: len(revised) - undone]}
        return [revise(f, last[f["seq"]]) if f["seq"] in last else f for f in self.recognized]

    @property
    def revisions(self) -> list[Mapping[str, Any]]:
        """The last revision of each final that was revised, oldest first."""
        last = {entry["final_seq"]: entry for entry in self.entries if entry["type"] == "revised"}
        return sorted(last.values(), key=lambda entry: int(entry["seq"]))

    @property
    def steady_at(self) -> datetime:
        """When the set starts, by the steady clock.

        Raises:
            ValueError: The record has no header.
        """
        if self.header is None:
            raise ValueError("the record has no header")
        return self.header.steady_at


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


def parse_steady(data: Mapping[str, Any]) -> datetime:
    """Parses the steady time of a line of a record: its wall time, if it has no other.

    Raises:
        ValueError: The line has no valid time.
    """
    return steady_time(data) or parse_time(data["at"])


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
            at, steady = parse_time(data["at"]), parse_steady(data).timestamp() if "steady" in data else None
            record.header = SetHeader(at, str(data["title"]), str(data["session"]), seq, steady)
        if data["type"] in {"mark", "run"}:
            record.session = str(data["session"])
        elif data["type"] == "labels":
            record.shows_labels = bool(data["shown"])
        elif data["type"] == "final":
            parse_record_final(data)
            record.entries.append({**data, "show_label": False} if record.shows_labels is False else data)
            record.final_seqs.add(seq)
        elif data["type"] == "revised":
            revision_message(data)
            if data["final_seq"] in record.final_seqs:
                record.entries.append(data)
        if "at" in data:
            record.latest = parse_time(data["at"]), parse_steady(data)
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


def revision_message(data: Mapping[str, Any]) -> Message:
    """Restores the message of a revision.

    Raises:
        ValueError: It is none.
    """
    event = parse_event(data)
    if event is None:
        raise ValueError("not a revision")
    return make_message(event, data)
