"""Protocol v1: events to JSON messages, and what a client may ask for. No sockets here.

Every message is one JSON object with ``type`` first and ``seq`` second (but ``error``, which has none).
"""

import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from streamstt.audio.format import MAX_RATE, MIN_RATE, SAMPLE_RATE
from streamstt.speech.captions import Event, Final, Gap, Partial, State, Status, Word

PROTOCOL = 1
MAX_NAME = 64  # characters of a remote source's name


class ClientError(Exception):
    """A client asked for what it cannot have: told to it as ``error``, then the connection is closed.

    Attributes:
        code: A word for programs, such as ``bad_rate``.
        close_code: WebSocket close code.
    """

    def __init__(self, code: str, message: str, close_code: int = 1008) -> None:
        super().__init__(message)
        self.code = code
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it goes over the wire, encoded once for all clients: as text, and as a WebSocket frame."""

    seq: int
    event: Event
    data: Mapping[str, Any]
    text: str
    frame: bytes

    @property
    def partial_of(self) -> str | None:
        """The source whose open partial this is, if it is one."""
        return self.event.source if isinstance(self.event, Partial) else None

    @property
    def at(self) -> datetime | None:
        """The wall time of its start, if it is told."""
        at = self.data.get("at")
        return datetime.fromisoformat(at) if at else None

    @property
    def is_final(self) -> bool:
        """Whether it may never be dropped."""
        return isinstance(self.event, Final)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source as ``hello`` names it; ``started_at`` is the wall time (ISO 8601) of its stream time 0."""

    name: str
    label: str
    started_at: str


@dataclass(frozen=True, slots=True)
class About:
    """The part of ``hello`` that stays the same while the daemon runs."""

    version: str
    session: str
    started_at: str
    model: str
    precision: str
    language: str


@dataclass(frozen=True, slots=True)
class Resume:
    """What a viewer has seen already: everything up to ``since`` of ``session``."""

    since: int | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """A client wants to send audio: mono s16le at ``rate`` Hz."""

    name: str
    rate: int
    language: str


def to_json(data: Mapping[str, Any]) -> str:
    """Compact JSON; text stays readable."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def encode(event: Event, seq: int, at: str = "") -> Message:
    """Numbers and encodes an event; ``at`` is the wall time (ISO 8601) of its start, if it is to be told."""
    data = {"type": event.type, "seq": seq, **asdict(event)} | ({"at": at} if at else {})
    return as_message(event, data)


def as_message(event: Event, data: Mapping[str, Any]) -> Message:
    """A numbered event, ready for all clients."""
    text = to_json(data).encode(errors="replace").decode()  # half of a surrogate pair is no text
    return Message(data["seq"], event, data, text, to_frame(text))


def to_frame(text: str) -> bytes:
    """A text message as a server sends it: one frame without a mask (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def event_of(data: Mapping[str, Any]) -> Event | None:
    """The event in a message; None for one of another type.

    Raises:
        KeyError, TypeError, ValueError: It is no message of this protocol.
    """
    match data["type"]:
        case "final":
            return final_of(data)
        case "partial":
            start, end = float(data["start"]), float(data["end"])
            texts = _texts(data, "source", "id", "text", "language")
            return Partial(rev=int(data["rev"]), start=start, end=end, stable=int(data["stable"]), **texts)
        case "status":
            return Status(state=State(data["state"]), **_texts(data, "source", "detail"))
        case "gap":
            return Gap(str(data["source"]), float(data["start"]), float(data["end"]))
    return None


def final_of(data: Mapping[str, Any]) -> Final:
    """The final in a message.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    words = tuple(Word(**word) for word in data["words"])
    start, end = float(data["start"]), float(data["end"])
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError("a caption without a time")
    texts = _texts(data, "source", "id", "text", "language")
    return Final(rev=int(data["rev"]), start=start, end=end, words=words, **texts)


def _texts(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: str(data[key]) for key in keys}


def hello(
    about: About, sources: list[SourceInfo], seq: int, history: list[Message], *, gap_in_history: bool = False
) -> str:
    """The first message to every client.

    Args:
        about: What does not change.
        sources: The sources there are now.
        seq: Number of the last message that was published.
        history: Finals that the client has missed.
        gap_in_history: Whether more was missed than is kept.
    """
    data = {
        "type": "hello",
        "protocol": PROTOCOL,
        "server": "streamstt",
        **{key: getattr(about, key) for key in ("version", "session", "started_at")},
        "sources": [asdict(s) for s in sources],
        **{key: getattr(about, key) for key in ("model", "precision", "language")},
        "seq": seq,
        "history": [m.data for m in history],
    }
    return to_json(data | ({"gap_in_history": True} if gap_in_history else {}))


def wall_time(started_at: str, seconds: float) -> str:
    """The wall time (ISO 8601, UTC, to the millisecond) of a stream time."""
    moment = datetime.fromisoformat(started_at) + timedelta(seconds=seconds)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def error(problem: ClientError) -> str:
    """The last message to a client that asked for what it cannot have."""
    return to_json({"type": "error", "code": problem.code, "message": str(problem)})


def parse_resume(target: str) -> Resume:
    """Reads ``/captions?since=SEQ&session=ID``.

    Raises:
        ClientError: ``since`` is no sequence number.
    """
    query = _query(target)
    since = query.get("since")
    if since is None:
        return Resume()
    if not re.fullmatch(r"\d{1,15}", since):
        raise ClientError("bad_since", f"since={since[:20]!r} is not a sequence number; take seq of a message")
    return Resume(int(since), query.get("session"))


def parse_audio(target: str) -> AudioOffer:
    """Reads ``/audio?name=NAME&rate=16000&language=en``; all are optional.

    Raises:
        ClientError: A value is out of range.
    """
    query = _query(target)
    rate = query.get("rate", str(SAMPLE_RATE))
    if not re.fullmatch(r"\d{1,6}", rate) or not MIN_RATE <= int(rate) <= MAX_RATE:
        raise ClientError("bad_rate", f"rate={rate[:20]!r}: audio may have {MIN_RATE} to {MAX_RATE} samples a second")
    language = query.get("language", "")
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ClientError("bad_language", f"language={language[:20]!r} is not a code such as en, or auto")
    name = re.sub(r"[^\w.-]+", "-", query.get("name", ""))[:MAX_NAME].strip("-")
    return AudioOffer(name or "remote", int(rate), language)


def is_end(text: str) -> bool:
    """Whether a text message on ``/audio`` says that no more audio will come.

    Raises:
        ClientError: It is something else.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict) and data.get("type") == "end":
        return True
    raise ClientError("bad_message", 'text on /audio can only be {"type":"end"}; audio is binary', 1003)


def auth_token(message: str | bytes) -> str | None:
    """The token in a message ``{"type":"auth","token":"..."}``; None if it is something else."""
    try:
        data = json.loads(message)
    except (ValueError, RecursionError):
        return None
    token = data.get("token") if isinstance(data, dict) and data.get("type") == "auth" else None
    return token if isinstance(token, str) else None


def _query(target: str) -> dict[str, str]:
    try:
        fields = parse_qs(urlsplit(target).query, keep_blank_values=True, max_num_fields=20)
    except ValueError as problem:
        raise ClientError("bad_address", f"the address cannot be read: {problem}") from problem
    return {key: values[-1] for key, values in fields.items()}
