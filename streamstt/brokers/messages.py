"""Entries of a broker's stream: the messages of protocol v1 with their ``session``, and two more types. Pure.

    {"type":"hello", ..., "seq", "states":[status...], "forgotten"}   snapshot of the daemon and its sources
    {"type":"online", "session", "seq", "online":true}                heartbeat

A snapshot precedes the entries it describes; its ``seq`` is that of the entry before it. It is written again from time
to time, so that the broker always keeps one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from streamstt.hub.protocol import PROTOCOL_VERSION, DaemonInfo, Message, SourceInfo, make_message, parse_event, to_json


class BrokerError(Exception):
    """A broker cannot be reached, or refuses; the message is for users."""


class StreamMissing(BrokerError):  # noqa: N818 - a state of the broker, not an error of the user
    """The broker can be reached, but no daemon has written to it yet."""


@dataclass(frozen=True, slots=True)
class Position:
    """Position in a stream: all that ``session`` has published up to ``seq``."""

    session: str
    seq: int


@dataclass(frozen=True, slots=True)
class BrokerEntry:
    """One message to be written to a broker.

    Attributes:
        kind: The message's ``type``.
        source: Name of the source; empty if it belongs to none.
        position: Position of the message.
        text: The message as JSON.
    """

    kind: str
    source: str
    position: Position
    text: str

    @property
    def is_kept(self) -> bool:
        """Whether the broker must keep it; otherwise only present readers receive it."""
        return self.kind not in {"partial", "online"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the daemon that writes.

    Attributes:
        daemon_info: The daemon.
        sources: Its present sources.
        seq: ``seq`` of the entry before the snapshot.
        statuses: The last status of each source.
        forgotten: ``seq`` of the newest final that will never be written, because it was dropped; 0: none was.
    """

    daemon_info: DaemonInfo
    sources: tuple[SourceInfo, ...]
    seq: int
    statuses: tuple[Message, ...] = ()
    forgotten: int = 0

    def to_entry(self) -> BrokerEntry:
        """Encodes it as an entry."""
        data = {
            "type": "hello",
            "protocol": PROTOCOL_VERSION,
            "server": "streamstt",
            **asdict(self.daemon_info),
            "sources": [asdict(source) for source in self.sources],
            "seq": self.seq,
            "states": [message.data for message in self.statuses],
            "forgotten": self.forgotten,
        }
        return BrokerEntry("hello", "", Position(self.daemon_info.session, self.seq), to_json(data))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A message that shows whether the daemon runs.

    Attributes:
        position: Position of the last entry before it.
        online: Whether the daemon runs; False: it has stopped.
    """

    position: Position
    online: bool

    def to_entry(self) -> BrokerEntry:
        """Encodes it as an entry."""
        data = {"type": "online", **asdict(self.position), "online": self.online}
        return BrokerEntry("online", "", self.position, to_json(data))


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A message of protocol v1, with the session that published it."""

    session: str
    message: Message


ReceivedEntry = Snapshot | Heartbeat | EventEntry


def make_entry(data: Mapping[str, Any], session: str) -> BrokerEntry:
    """Makes an entry of a message of protocol v1, as viewers receive it."""
    text = to_json({**data, "session": session}).encode(errors="replace").decode()
    return BrokerEntry(data["type"], data["source"], Position(session, data["seq"]), text)


def parse_position(text: str | bytes) -> Position | None:
    """Returns the position of an entry; None if the text is not an entry."""
    try:
        data = json.loads(text)
        return Position(str(data["session"]), int(data["seq"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def parse_entries(texts: Sequence[str | bytes]) -> list[ReceivedEntry]:
    """Parses entries that were read from a broker; skips other texts, because other programs may write there too."""
    items: list[ReceivedEntry] = []
    for text in texts:
        try:
            items.append(_parse_entry(json.loads(text)))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return items


def _parse_entry(data: dict[str, Any]) -> ReceivedEntry:
    position = Position(str(data["session"]), int(data["seq"]))
    match data["type"]:
        case "hello":
            daemon_info = DaemonInfo(**{field.name: str(data[field.name]) for field in fields(DaemonInfo)})
            sources = tuple(SourceInfo(**{k: str(v) for k, v in source.items()}) for source in data["sources"])
            statuses = tuple(_parse_message(status) for status in data["states"])
            return Snapshot(daemon_info, sources, position.seq, statuses, int(data["forgotten"]))
        case "online":
            return Heartbeat(position, bool(data["online"]))
    message = _parse_message({key: value for key, value in data.items() if key != "session"})
    return EventEntry(position.session, message)


def _parse_message(data: dict[str, Any]) -> Message:
    event = parse_event(data)
    if event is None:
        raise ValueError(f"{data['type']!r} is not an event")
    return make_message(event, data)
