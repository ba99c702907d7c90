"""Wyoming's wire format: a line of JSON, then more JSON, then audio, each as long as the line says.

Source: github.com/OHF-Voice/wyoming, "Format". Its own Python package reads whatever length a stranger announces, and
takes garbage for the end of a connection; a server has to bound the one, and to answer the other.
"""

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamstt.hub.protocol import ClientError, parse_json_object, to_json

MAX_LINE = MAX_DATA = 2**16  # bytes
MAX_PAYLOAD = 2**20  # bytes: 30 s of audio
NOT_WYOMING_HINT = "that is no JSON object; this port speaks Wyoming"


@dataclass(frozen=True, slots=True)
class WyomingEvent:
    """What the protocol calls an event."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class EventHeader:
    """The line that a parcel begins with."""

    type: str
    data: Mapping[str, Any]
    data_length: int
    payload_length: int


def encode_event(event: WyomingEvent) -> bytes:
    """A parcel as it is sent."""
    data = to_json(event.data).encode(errors="replace") if event.data else b""
    lengths = {"data_length": len(data)} if data else {}
    lengths |= {"payload_length": len(event.payload)} if event.payload else {}
    return to_json({"type": event.type} | lengths).encode() + b"\n" + data + event.payload


def parse_header(line: bytes) -> EventHeader:
    """Reads the line.

    Raises:
        ClientError: It is none, or announces too much.
    """
    head = parse_json_object(line, NOT_WYOMING_HINT)
    kind, data = head.get("type"), head.get("data") or {}
    sizes = [head.get(key) or 0 for key in ("data_length", "payload_length")]
    if not isinstance(kind, str) or not isinstance(data, dict) or not all(type(size) is int for size in sizes):
        raise ClientError("bad_message", 'an event begins with a line such as {"type":"describe"}')
    for size, most in zip(sizes, (MAX_DATA, MAX_PAYLOAD), strict=True):
        if not 0 <= size <= most:
            raise ClientError("too_long", f"a part of {size} bytes was announced; {most} are the most")
    return EventHeader(kind, data, *sizes)


async def read_event(reader: StreamReader) -> WyomingEvent | None:
    """The next parcel; None when the client has gone, be it in the middle of one.

    Raises:
        ClientError: It sends something else.
    """
    try:
        line = await reader.readuntil(b"\n")
        header = parse_header(line)
        more = await reader.readexactly(header.data_length)
        data = {**header.data, **parse_json_object(more, NOT_WYOMING_HINT)} if more else header.data
        return WyomingEvent(header.type, data, await reader.readexactly(header.payload_length))
    except (IncompleteReadError, ConnectionError):
        return None
    except LimitOverrunError as problem:
        raise ClientError("too_long", f"a line has at most {MAX_LINE} bytes") from problem
