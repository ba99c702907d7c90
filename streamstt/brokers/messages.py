"""What goes over a bus: the messages of protocol v1 with their ``session``, and two of our own. Pure.

    {"type":"hello", ..., "seq", "states":[status...], "forgotten"}   who writes, and how its sources are: a snapshot
    {"type":"online", "session", "seq", "online":true}                a sign of life

A snapshot stands before what belongs to it: its ``seq`` is that of the last entry before it. It is written again now
and then, so that it is among what the broker still keeps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from streamstt.hub.protocol import PROTOCOL_VERSION, DaemonInfo, Message, SourceInfo, make_message, parse_event, to_json


class BrokerError(Exception):
    """A broker cannot be reached, or refuses; the text says why, for people."""


class StreamMissing(BrokerError):  # noqa: N818 - a state of the broker, not a mistake
    """The broker is there; no daemon has ever written to it."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a bus has come: everything of ``session`` up to ``seq`` is on it."""

    session: str
    seq: int


@dataclass(frozen=True, slots=True)
class BrokerEntry:
    """One message for a bus.

    Attributes:
        kind: Its ``type``.
        source: Name of the source; empty if it is of none.
        position: Where it stands in the order.
        text: JSON.
    """

    kind: str
    source: str
    position: Position
    text: str

    @property
    def is_kept(self) -> bool:
        """Whether the broker is to keep it."""
        return self.kind not in {"partial", "online"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who writes, and how its sources are.

    Attributes:
        daemon_info: The daemon.
        sources: Those that are there.
        seq: Of the last entry before it.
        statuses: Each source's last status.
        forgotten: ``seq`` of the newest final that is on no bus, and never will be; 0: none is.
    """

    daemon_info: DaemonInfo
    sources: tuple[SourceInfo, ...]
    seq: int
    statuses: tuple[Message, ...] = ()
    forgotten: int = 0

    def to_entry(self) -> BrokerEntry:
        """As it goes over a bus."""
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
    """Whether the daemon runs."""

    position: Position
    online: bool

    def to_entry(self) -> BrokerEntry:
        """As it goes over a bus."""
        data = {"type": "online", **asdict(self.position), "online": self.online}
        return BrokerEntry("online", "", self.position, to_json(data))


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A message of protocol v1, and the session that it is of."""

    session: str
    message: Message


ReceivedEntry = Snapshot | Heartbeat | EventEntry


def make_entry(data: Mapping[str, Any], session: str) -> BrokerEntry:
    """A message of protocol v1, as viewers get it, for a bus."""
    text = to_json({**data, "session": session}).encode(errors="replace").decode()
    return BrokerEntry(data["type"], data["source"], Position(session, data["seq"]), text)


def parse_position(text: str | bytes) -> Position | None:
    """Where an entry stands; None if it is none."""
    try:
        data = json.loads(text)
        return Position(str(data["session"]), int(data["seq"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def parse_entries(texts: Sequence[str | bytes]) -> list[ReceivedEntry]:
    """Reads what came over a bus; what is no entry of ours is passed over."""
    items: list[ReceivedEntry] = []
    for text in texts:
        try:
            items.append(_parse_entry(json.loads(text)))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return items


def _parse_entry(data: dict[str, Any]) -> ReceivedEntry:
    place = Position(str(data["session"]), int(data["seq"]))
    match data["type"]:
        case "hello":
            about = DaemonInfo(**{field.name: str(data[field.name]) for field in fields(DaemonInfo)})
            sources = tuple(SourceInfo(**{k: str(v) for k, v in source.items()}) for source in data["sources"])
            states = tuple(_parse_message(state) for state in data["states"])
            return Snapshot(about, sources, place.seq, states, int(data["forgotten"]))
        case "online":
            return Heartbeat(place, bool(data["online"]))
    return EventEntry(place.session, _parse_message({key: value for key, value in data.items() if key != "session"}))


def _parse_message(data: dict[str, Any]) -> Message:
    event = parse_event(data)
    if event is None:
        raise ValueError(f"{data['type']!r} is no event")
    return make_message(event, data)
