"""Protocol v1: converts events to JSON messages, and back. No sockets here.

Every message is one JSON object with ``type`` first and ``seq`` second; ``error`` has no ``seq``.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from streamstt.events import Event, Final, Gap, Partial, Revised, State, Status, Word

PROTOCOL_VERSION = 1
MAX_STEADY = 2.0**35  # s since 1970: a thousand years


class ClientError(Exception):
    """A request of a client that is refused: it gets an ``error`` message, then the connection is closed.

    Attributes:
        code: Error code for programs, such as ``bad_rate``.
        close_code: WebSocket close code.
    """

    def __init__(self, code: str, message: str, close_code: int = 1008) -> None:
        super().__init__(message)
        self.code = code
        self.close_code = close_code


def load_json_object(text: str | bytes) -> dict[str, Any] | None:
    """Reads a JSON object from untrusted text; returns None if it is something else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def parse_json_object(text: str | bytes, hint: str, close_code: int = 1003) -> dict[str, Any]:
    """Reads a client's JSON object.

    Args:
        text: What the client has sent.
        hint: Message of the error.
        close_code: WebSocket close code of the error.

    Raises:
        ClientError: It is not a JSON object.
    """
    data = load_json_object(text)
    if data is None:
        raise ClientError("bad_message", hint, close_code)
    return data


@dataclass(frozen=True, slots=True)
class Message:
    """A numbered event, encoded once for all clients.

    Attributes:
        seq: Its number.
        event: The event.
        data: The fields of the JSON object.
        text: The JSON object.
        frame: The same as a WebSocket frame.
    """

    seq: int
    event: Event
    data: Mapping[str, Any]
    text: str
    frame: bytes

    @property
    def partial_of(self) -> str | None:
        """Name of the source whose open partial this is; None: it is not a partial."""
        return self.event.source if isinstance(self.event, Partial) else None

    @property
    def at(self) -> datetime | None:
        """Wall time of its start, if the message has it."""
        at = self.data.get("at")
        return datetime.fromisoformat(at) if at else None

    @property
    def steady_at(self) -> datetime | None:
        """The same by a clock that is never set, for order and differences."""
        return steady_time(self.data)

    @property
    def label(self) -> str:
        """The name of its source that people see; the source's own name if the message has no label."""
        return str(self.data.get("label") or self.event.source)

    @property
    def is_final(self) -> bool:
        """Whether it is a final, which may never be dropped."""
        return isinstance(self.event, Final)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source as ``hello`` describes it.

    Attributes:
        name: Its unique name.
        label: The name that people see.
        started_at: Wall time (ISO 8601) of its stream time 0.
        color: A CSS color; empty: each page chooses one.
    """

    name: str
    label: str
    started_at: str
    color: str = ""


@dataclass(frozen=True, slots=True)
class DaemonInfo:
    """The fields of ``hello`` that describe the daemon; a reload may change model, precision and language."""

    version: str
    session: str
    started_at: str
    model: str
    precision: str
    language: str


@dataclass(frozen=True, slots=True)
class EngineState:
    """How the engine does, as ``hello`` and ``/healthz`` describe it; what is None is left out there.

    Attributes:
        auto: Whether the model was chosen for this machine, and not named in the settings.
        update_s: Median time of an update in the last minute (s).
        promised_s: Time of an update when nothing else runs (s), as it was measured.
        interval_s: Interval of updates now (s).
        sources: Number of sources that it carries at present.
        second_look_s: Audio that was heard again (s); None: there is no second look.
        second_look_skipped_s: Audio that was not, because there was no time (s).
        second_look_corrections: Finals that were corrected.
    """

    auto: bool
    update_s: float | None
    promised_s: float | None
    interval_s: float
    sources: int | None
    second_look_s: float | None = None
    second_look_skipped_s: float | None = None
    second_look_corrections: int | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the JSON object."""
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {key: value for key, value in rounded.items() if value is not None}


def to_json(data: Mapping[str, Any]) -> str:
    """Encodes compact JSON, without escapes for characters outside ASCII."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def steady_time(data: Mapping[str, Any]) -> datetime | None:
    """Returns the time of a message by a clock that is never set; wall time if it has no other, None if it has none."""
    steady = data.get("steady")
    if isinstance(steady, int | float) and 0 <= steady <= MAX_STEADY:
        return datetime.fromtimestamp(steady, UTC)
    return datetime.fromisoformat(data["at"]) if data.get("at") else None


def encode(event: Event, seq: int, at: str = "", label: str = "", steady: float | None = None) -> Message:
    """Encodes an event.

    Args:
        event: The event.
        seq: Its number.
        at: Wall time (ISO 8601) of its start; empty: left out.
        label: Label of its source; empty: left out.
        steady: The same as ``at`` in seconds since 1970, by a clock that is never set; None: left out.
    """
    optional = {"at": at, "steady": steady, "label": label}
    data = {"type": event.type, "seq": seq, **asdict(event)} | {k: v for k, v in optional.items() if v}
    if not data.get("left", True):
        del data["left"]
    if not data.get("starred", True):
        del data["starred"]
    data.pop("time", None)
    return make_message(event, data)


def make_message(event: Event, data: Mapping[str, Any]) -> Message:
    """Makes the message of an event from the fields of its JSON object."""
    text = to_json(data).encode(errors="replace").decode()  # a lone surrogate cannot be encoded
    return Message(data["seq"], event, data, text, to_frame(text))


def to_frame(text: str) -> bytes:
    """Encodes a text message as a server's WebSocket frame: one frame, not masked (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def parse_event(data: Mapping[str, Any]) -> Event | None:
    """Reads the event of a message; returns None for a message of another type.

    Raises:
        KeyError, TypeError, ValueError: It is not a message of this protocol.
    """
    match data["type"]:
        case "final":
            return parse_final(data)
        case "revised":
            flags = (bool(data["hidden"]), bool(data["edited"]), bool(data.get("second_look")))
            return Revised(parse_final(data), int(data["final_seq"]), *flags)
        case "partial":
            start, end = float(data["start"]), float(data["end"])
            texts = _string_fields(data, "source", "id", "text", "language")
            return Partial(rev=int(data["rev"]), start=start, end=end, stable=int(data["stable"]), **texts)
        case "status":
            return Status(
                state=State(data["state"]), left=bool(data.get("left")), **_string_fields(data, "source", "detail")
            )
        case "gap":
            return Gap(str(data["source"]), float(data["start"]), float(data["end"]))
    return None


def parse_final(data: Mapping[str, Any]) -> Final:
    """Reads the final of a message.

    Raises:
        KeyError, TypeError, ValueError: It is not a final.
    """
    words = tuple(Word(**word) for word in data["words"])
    start, end = float(data["start"]), float(data["end"])
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError("a caption without a time")
    texts = _string_fields(data, "source", "id", "text", "language")
    return Final(rev=int(data["rev"]), start=start, end=end, words=words, starred=bool(data.get("starred")), **texts)


def _string_fields(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: str(data[key]) for key in keys}


def make_hello(
    daemon_info: DaemonInfo, sources: list[SourceInfo], seq: int, history: list[Message], **optional: Any
) -> str:
    """Encodes ``hello``, the first message to every client.

    Args:
        daemon_info: The fields that describe the daemon.
        sources: The sources there are now.
        seq: Number of the last message that was delivered.
        history: Finals that the client has missed, as they are now.
        optional: Fields that are left out if they are false or empty: ``gap_in_history``, whether it has missed more
            than is kept; ``earlier``, the number of older finals that ``since=0`` returns; ``revisions``, the revisions
            that it has missed of finals that it has; ``control``, whether it may revise captions; ``engine``, how the
            engine does.
    """
    data = {
        "type": "hello",
        "protocol": PROTOCOL_VERSION,
        "server": "streamstt",
        **{key: getattr(daemon_info, key) for key in ("version", "session", "started_at")},
        "sources": [_source_fields(s) for s in sources],
        **{key: getattr(daemon_info, key) for key in ("model", "precision", "language")},
        "seq": seq,
        "history": [m.data for m in history],
    }
    return to_json(data | {key: value for key, value in optional.items() if value})


def _source_fields(info: SourceInfo) -> dict[str, Any]:
    data = asdict(info)
    if not info.color:
        del data["color"]
    return data


def wall_time(started_at: str, seconds: float) -> str:
    """Returns the wall time (ISO 8601, UTC, in milliseconds) of a stream time in seconds."""
    time = datetime.fromisoformat(started_at) + timedelta(seconds=seconds)
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def make_error(error: ClientError) -> str:
    """Encodes ``error``, the last message to a client whose request is refused."""
    return to_json({"type": "error", "code": error.code, "message": str(error)})
