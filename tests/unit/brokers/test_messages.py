"""Entries of a broker can be read back to the byte, and texts that are none are skipped."""

import json

import pytest

from streamstt.brokers.base import BrokerAddress, broker_error
from streamstt.brokers.messages import (
    EventEntry,
    Heartbeat,
    Position,
    Snapshot,
    make_entry,
    parse_entries,
    parse_position,
)
from streamstt.config.brokers import MqttSettings, NatsSettings, RedisSettings
from streamstt.config.secrets import redact_password
from streamstt.events import Event, Gap, State, Status
from streamstt.hub.protocol import SourceInfo, encode
from tests.support.captions import ABOUT, final, partial

AT = "2026-01-02T03:04:05.678+00:00"


@pytest.mark.parametrize(
    "event",
    [
        final("one two"),
        final(""),
        final("\ud800 half a pair, ü and 字"),
        partial("one"),
        Gap("mic", 1.5, 2.0),
        Status("mic", State.LOST, "gone"),
    ],
)
def test_messages_round_trip(event: Event) -> None:
    """A viewer of an edge receives the same bytes as one of the daemon."""
    message = encode(event, 7, AT)
    entry = make_entry(message.data, "run-1")
    [item] = parse_entries([entry.text])
    assert isinstance(item, EventEntry)
    assert (item.session, item.message.frame) == ("run-1", message.frame)
    assert json.loads(entry.text)["session"] == "run-1"
    assert parse_position(entry.text.encode()) == entry.position == Position("run-1", 7)


def test_a_snapshot_round_trips() -> None:
    """Snapshots and heartbeats can be read back."""
    statuses = (encode(Status("mic", State.SPEECH), 3),)
    snapshot = Snapshot(ABOUT, (SourceInfo("mic", "Mic", AT),), 4, statuses, forgotten=2)
    assert parse_entries([snapshot.to_entry().text]) == [snapshot]
    online = Heartbeat(Position("run-1", 4), online=False)
    assert parse_entries([online.to_entry().text]) == [online]


def test_only_partials_and_heartbeats_are_not_kept() -> None:
    """A broker keeps all that a late edge needs."""
    events = [final("a"), partial("a"), Gap("mic", 0, 1), Status("mic", State.LOST)]
    kept = {e.type: make_entry(encode(e, 1).data, "s").is_kept for e in events}
    assert kept == {"final": True, "partial": False, "gap": True, "status": True}
    assert not Heartbeat(Position("s", 1), online=True).to_entry().is_kept
    assert Snapshot(ABOUT, (), 1).to_entry().is_kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "7",
        b"\xff\xfe",
        "{}",
        '{"type":"final","session":"s","seq":1}',
        '{"type":"final","session":"s","seq":"x"}',
        '{"type":"status","session":"s","seq":1,"source":"mic","state":"dancing","detail":""}',
        '{"type":"other","session":"s","seq":1}',
        '{"type":"hello","session":"s","seq":1}',
        "[" * 100_000,
    ],
)
def test_foreign_texts(text: str | bytes) -> None:
    """Others may write to a broker as well; valid entries beside theirs are still read."""
    good = make_entry(encode(final("a"), 1).data, "s").text
    assert len(parse_entries([text, good])) == 1


def test_addresses() -> None:
    """An address has host, port, user and path; the scheme says whether TLS is used."""
    assert BrokerAddress.parse("redis://me@[::1]:7000/2", 6379, "rediss") == BrokerAddress(
        "::1", 7000, "me", "2", uses_tls=False
    )
    assert BrokerAddress.parse("tls://broker", 4222, "tls") == BrokerAddress("broker", 4222, "", "", uses_tls=True)


@pytest.mark.parametrize(
    ("section", "url"),
    [
        (RedisSettings, "http://broker"),
        (RedisSettings, "redis://"),
        (RedisSettings, "redis://broker/name"),
        (RedisSettings, "redis://broker:99999"),
        (RedisSettings, "redis://me:secret@broker"),
        (NatsSettings, "redis://broker"),
        (MqttSettings, "mqtt://broker?x=1"),
    ],
)
def test_invalid_addresses(section: type[RedisSettings | NatsSettings | MqttSettings], url: str) -> None:
    """Invalid addresses are refused when settings are read; so is a password, which would be shown and logged."""
    with pytest.raises(ValueError, match="address"):
        section(url=url)


def test_passwords_are_redacted() -> None:
    """An address in a message keeps its user, not the password."""
    assert redact_password("x = 'redis://me:secr:et@host/0' is") == "x = 'redis://me:***@host/0' is"
    assert redact_password("redis://me@host:6379/0 and nats://host:1") == "redis://me@host:6379/0 and nats://host:1"


def test_errors_of_client_libraries() -> None:
    """The operating system's words are used, wherever in the chain they are."""
    outer = RuntimeError("Error 111 connecting")
    outer.__cause__ = ConnectionRefusedError(111, "x")
    assert str(broker_error(outer)) == "Connection refused"
    assert "no answer" in str(broker_error(TimeoutError()))
    assert str(broker_error(RuntimeError("nats: no responders."))) == "no responders"
