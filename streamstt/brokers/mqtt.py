"""MQTT: captions of each source under its own topics, for home automation. The only module that imports aiomqtt.

Topics, with QoS, and whether the broker retains the message:

    TOPIC/SOURCE/final     1         TOPIC/SOURCE/status   1, retained
    TOPIC/SOURCE/partial   0         TOPIC/hello           1, retained: the daemon and its sources
    TOPIC/SOURCE/gap       1         TOPIC/online          1, retained: online; offline also as last will
    TOPIC/SOURCE/revised   1
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

KEEPALIVE_S = 15  # after 1.5 times this without a packet from us, the broker publishes our last will


class MqttWriter:
    """The ``BrokerWriter`` of MQTT. An MQTT broker cannot be queried, so it remembers what the broker confirmed."""

    max_entries = 0

    def __init__(self, settings: MqttSettings, secret: str, hub: Hub) -> None:
        """Starts disconnected; call ``connect``.

        Args:
            settings: The ``[mqtt]`` section.
            secret: Password; empty: none.
            hub: Where captions are published; those published before now are not sent.
        """
        self._address = BrokerAddress.parse(settings.url, 8883 if settings.url.startswith("mqtts") else 1883, "mqtts")
        self._secret = secret
        self._topic = settings.topic.rstrip("/")
        self._publish_partials = settings.partials
        self._client: Client | None = None
        self._confirmed_position = Position(hub.daemon_info.session, hub.seq)
        self._retained_statuses: set[str] = set()  # sources whose status the broker retains
        self.name = f"MQTT at {self._address}"

    async def connect(self) -> None:
        """Connects with a last will, and publishes that the daemon is online."""
        address = self._address
        client = Client(
            address.host,
            address.port,
            username=address.user or None,
            password=self._secret or None,
            will=Will(f"{self._topic}/online", b"offline", qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=BROKER_TIMEOUT_S,
            tls_context=ssl.create_default_context() if address.uses_tls else None,
        )
        try:
            await client.__aenter__()
        except (MqttError, OSError) as error:
            raise broker_error(error) from error
        self._client = client
        await self._publish("online", b"online", retain=True)

    async def close(self) -> None:
        """Closes the connection in an orderly way, so that the last will is not published."""
        client, self._client = self._client, None
        if client:
            with suppress(MqttError, OSError):
                await client.__aexit__(None, None, None)

    async def last_position(self) -> Position:
        """Returns the last position that the broker has confirmed."""
        return self._confirmed_position

    async def send(self, entries: Sequence[BrokerEntry]) -> None:
        """Sends entries one after the other."""
        for entry in entries:
            await self._send_entry(entry)
            if entry.is_kept:
                self._confirmed_position = entry.position

    async def _send_entry(self, entry: BrokerEntry) -> None:
        match entry.kind:
            case "online":
                payload = b"online" if json.loads(entry.text)["online"] else b"offline"
                await self._publish("online", payload, retain=True)
            case "hello":
                await self._publish("hello", entry.text.encode(), retain=True)
                present = {source["name"] for source in json.loads(entry.text)["sources"]}
                for removed in self._retained_statuses - present:  # an empty message deletes the retained one
                    await self._publish(f"{removed}/status", b"", retain=True)
                self._retained_statuses &= present
            case "status":
                self._retained_statuses.add(entry.source)
                await self._publish(f"{entry.source}/status", entry.text.encode(), retain=True)
            case "partial":
                if self._publish_partials:
                    await self._publish(f"{entry.source}/partial", entry.text.encode(), qos=0)
            case _:
                await self._publish(f"{entry.source}/{entry.kind}", entry.text.encode())

    async def _publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        assert self._client is not None, "call connect() first"
        try:
            await self._client.publish(
                f"{self._topic}/{topic}", payload, qos=qos, retain=retain, timeout=BROKER_TIMEOUT_S
            )
        except (MqttError, OSError, ValueError) as error:
            raise broker_error(error) from error
