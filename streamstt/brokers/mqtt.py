"""MQTT: each source's captions under topics of its own, for homes and dashboards. The only import of aiomqtt.

What is published, with the QoS, and whether the broker keeps it:

    TOPIC/SOURCE/final     1         TOPIC/SOURCE/status   1, kept
    TOPIC/SOURCE/partial   0         TOPIC/hello           1, kept: the daemon and its sources
    TOPIC/SOURCE/gap       1         TOPIC/online          1, kept: online; offline also as last will
"""

import json
import ssl
from collections.abc import Sequence
from contextlib import suppress

from aiomqtt import Client, MqttError, Will

from streamstt.brokers.base import BROKER_TIMEOUT_S, BrokerAddress, broker_error
from streamstt.brokers.messages import BrokerEntry, Position
from streamstt.config.brokers import MqttSettings
from streamstt.hub.hub import Hub

KEEPALIVE_S = 15  # after one and a half of it without a sign of us, the broker publishes our last will


class MqttWriter:
    """Implements ``Bus``: nobody can ask an MQTT broker what it has, so this remembers what was answered."""

    max_entries = 0

    def __init__(self, settings: MqttSettings, secret: str, hub: Hub) -> None:
        """Connects nothing yet.

        Args:
            settings: The ``[mqtt]`` section.
            secret: Password, or empty.
            hub: What it has published before now is not sent again.
        """
        self._address = BrokerAddress.parse(settings.url, 8883 if settings.url.startswith("mqtts") else 1883, "mqtts")
        self._secret = secret
        self._topic = settings.topic.rstrip("/")
        self._publish_partials = settings.partials
        self._client: Client | None = None
        self._confirmed_position = Position(hub.daemon_info.session, hub.seq)
        self._retained_statuses: set[str] = set()  # sources whose state the broker keeps
        self.name = f"MQTT at {self._address}"

    async def connect(self) -> None:
        """Connects, with a last will."""
        where = self._address
        client = Client(
            where.host,
            where.port,
            username=where.user or None,
            password=self._secret or None,
            will=Will(f"{self._topic}/online", b"offline", qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=BROKER_TIMEOUT_S,
            tls_context=ssl.create_default_context() if where.uses_tls else None,
        )
        try:
            await client.__aenter__()
        except (MqttError, OSError) as problem:
            raise broker_error(problem) from problem
        self._client = client
        await self._publish("online", b"online", retain=True)

    async def close(self) -> None:
        """Closes the connection; the last will is not published then."""
        client, self._client = self._client, None
        if client:
            with suppress(MqttError, OSError):
                await client.__aexit__(None, None, None)

    async def last_position(self) -> Position:
        """What the broker has confirmed."""
        return self._confirmed_position

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """One after the other."""
        for entry in entries:
            await self._send_entry(entry)
            if entry.is_kept:
                self._confirmed_position = entry.position

    async def _send_entry(self, entry: BrokerEntry) -> None:
        match entry.kind:
            case "online":
                word = b"online" if json.loads(entry.text)["online"] else b"offline"
                await self._publish("online", word, retain=True)
            case "hello":
                await self._publish("hello", entry.text.encode(), retain=True)
                here = {source["name"] for source in json.loads(entry.text)["sources"]}
                for gone in self._retained_statuses - here:  # an empty message has the broker forget
                    await self._publish(f"{gone}/status", b"", retain=True)
                self._retained_statuses &= here
            case "status":
                self._retained_statuses.add(entry.source)
                await self._publish(f"{entry.source}/status", entry.text.encode(), retain=True)
            case "partial":
                if self._publish_partials:
                    await self._publish(f"{entry.source}/partial", entry.text.encode(), qos=0)
            case _:
                await self._publish(f"{entry.source}/{entry.kind}", entry.text.encode())

    async def _publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        assert self._client is not None, "connect() comes first"  # a mistake of the caller
        try:
            await self._client.publish(
                f"{self._topic}/{topic}", payload, qos=qos, retain=retain, timeout=BROKER_TIMEOUT_S
            )
        except (MqttError, OSError, ValueError) as problem:
            raise broker_error(problem) from problem
