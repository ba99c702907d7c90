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


class BusError(Exception):
    """A broker cannot be reached, or refuses; the text says why, for people."""


class NothingYet(BusError):  # noqa: N818 - a state of the broker, not a mistake
    """The broker is there; no daemon has ever written to it."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a bus has come: everything of ``session`` up to ``seq`` is on it."""

    session: str
    seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One message for a bus.

    Attributes:
        kind: Its ``type``.
        source: Name of the source; empty if it is of none.
        place: Where it stands in the order.
        text: JSON.
    """

    kind: str
    source: str
    place: Position
    text: str

    @property
    def is_kept(self) -> bool:
        """Whether the broker is to keep it."""
        return self.kind not in {"partial", "online"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Who writes, and how its sources are.

    Attributes:
        about: The daemon.
        sources: Those that are there.
        seq: Of the last entry before it.
        states: Each source's last status.
        forgotten: ``seq`` of the newest final that is on no bus, and never will be; 0: none is.
    """

    about: DaemonInfo
    sources: tuple[SourceInfo, ...]
    seq: int
    states: tuple[Message, ...] = ()
    forgotten: int = 0

    def entry(self) -> Entry:
        """As it goes over a bus."""
        data = {
            "type": "hello",
            "protocol": PROTOCOL_VERSION,
            "server": "streamstt",
            **asdict(self.about),
            "sources": [asdict(source) for source in self.sources],
            "seq": self.seq,
            "states": [message.data for message in self.states],
            "forgotten": self.forgotten,
        }
        return Entry("hello", "", Position(self.about.session, self.seq), to_json(data))


@dataclass(frozen=True, slots=True)
class Online:
    """Whether the daemon runs."""

    place: Position
    online: bool

    def entry(self) -> Entry:
        """As it goes over a bus."""
        data = {"type": "online", **asdict(self.place), "online": self.online}
        return Entry("online", "", self.place, to_json(data))


@dataclass(frozen=True, slots=True)
class Said:
    """A message of protocol v1, and the session that it is of."""

    session: str
    message: Message


Item = Snapshot | Online | Said


def entry_of(data: Mapping[str, Any], session: str) -> Entry:
    """A message of protocol v1, as viewers get it, for a bus."""
    text = to_json({**data, "session": session}).encode(errors="replace").decode()
    return Entry(data["type"], data["source"], Position(session, data["seq"]), text)


def place_of(text: str | bytes) -> Position | None:
    """Where an entry stands; None if it is none."""
    try:
        data = json.loads(text)
        return Position(str(data["session"]), int(data["seq"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def read_all(texts: Sequence[str | bytes]) -> list[Item]:
    """Reads what came over a bus; what is no entry of ours is passed over."""
    items: list[Item] = []
    for text in texts:
        try:
            items.append(_read(json.loads(text)))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return items


def _read(data: dict[str, Any]) -> Item:
    place = Position(str(data["session"]), int(data["seq"]))
    match data["type"]:
        case "hello":
            about = DaemonInfo(**{field.name: str(data[field.name]) for field in fields(DaemonInfo)})
            sources = tuple(SourceInfo(**{k: str(v) for k, v in source.items()}) for source in data["sources"])
            states = tuple(_message(state) for state in data["states"])
            return Snapshot(about, sources, place.seq, states, int(data["forgotten"]))
        case "online":
            return Online(place, bool(data["online"]))
    return Said(place.session, _message({key: value for key, value in data.items() if key != "session"}))


def _message(data: dict[str, Any]) -> Message:
    event = parse_event(data)
    if event is None:
        raise ValueError(f"{data['type']!r} is no event")
    return make_message(event, data)
