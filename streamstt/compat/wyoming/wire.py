"""Wyoming's wire format: a line of JSON, then more JSON, then audio; the line has the lengths of both.

Source: github.com/OHF-Voice/wyoming, "Format". Its Python package reads whatever length a client announces, and treats
garbage as the end of the connection; a server has to bound the former and report the latter.
"""

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamstt.hub.protocol import ClientError, parse_json_object, to_json

MAX_LINE = MAX_DATA = 2**16  # bytes
MAX_PAYLOAD = 2**20  # bytes: 30 s of audio
NOT_WYOMING_HINT = "not a JSON object; this port expects the Wyoming protocol"


@dataclass(frozen=True, slots=True)
class WyomingEvent:
    """An event of the protocol.

    Attributes:
        type: Type of the event, such as ``audio-chunk``.
        data: Its JSON data.
        payload: Its binary data, such as audio.
    """

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class EventHeader:
    """The first line of an event: its type, data, and the lengths in bytes of what follows."""

    type: str
    data: Mapping[str, Any]
    data_length: int
    payload_length: int


def encode_event(event: WyomingEvent) -> bytes:
    """Encodes an event."""
    data = to_json(event.data).encode(errors="replace") if event.data else b""
    lengths = {"data_length": len(data)} if data else {}
    lengths |= {"payload_length": len(event.payload)} if event.payload else {}
    return to_json({"type": event.type} | lengths).encode() + b"\n" + data + event.payload


def parse_header(line: bytes) -> EventHeader:
    """Parses the first line of an event.

    Raises:
        ClientError: The line is invalid, or a length exceeds its limit.
    """
    fields = parse_json_object(line, NOT_WYOMING_HINT)
    kind, data = fields.get("type"), fields.get("data") or {}
    sizes = [fields.get(key) or 0 for key in ("data_length", "payload_length")]
    if not isinstance(kind, str) or not isinstance(data, dict) or not all(type(size) is int for size in sizes):
        raise ClientError("bad_message", 'an event must begin with a line such as {"type":"describe"}')
    for size, most in zip(sizes, (MAX_DATA, MAX_PAYLOAD), strict=True):
        if not 0 <= size <= most:
            raise ClientError("too_long", f"{size} bytes were announced; at most {most} are allowed")
    return EventHeader(kind, data, *sizes)


async def read_event(reader: StreamReader) -> WyomingEvent | None:
    """Reads the next event; returns None if the client has disconnected, even within an event.

    Raises:
        ClientError: The data is not a valid event.
    """
    try:
        line = await reader.readuntil(b"\n")
        header = parse_header(line)
        more = await reader.readexactly(header.data_length)
        data = {**header.data, **parse_json_object(more, NOT_WYOMING_HINT)} if more else header.data
        return WyomingEvent(header.type, data, await reader.readexactly(header.payload_length))
    except (IncompleteReadError, ConnectionError):
        return None
    except LimitOverrunError as error:
        raise ClientError("too_long", f"a line must have at most {MAX_LINE} bytes") from error
