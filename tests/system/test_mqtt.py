"""Captions over a real MQTT broker, read by a client as a dashboard would."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from tests.support.brokers import Broker
from tests.support.daemon import WITHIN_S
from tests.support.forked import Daemon, finish
from tests.support.transcripts import finals
from tests.support.viewers import talk


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker("mqtt", tmp_path / "broker") as started:
        yield started


def daemon_of(broker: Broker, script: list[str], folder: Path, *more: str) -> Daemon:
    return Daemon(
        *script, "--source", "ws", "--set", f"transcript.folder={folder}", "--set", f"mqtt.url={broker.url}", *more
    )


class Reader:
    """Reads all topics with a persistent session, for which the broker queues messages while it is away."""

    def __init__(self, broker: Broker) -> None:
        self._port = broker.port
        self._received = asyncio.Event()
        self.messages: list[tuple[str, str, bool]] = []  # topic, payload, retained
        self.last: dict[str, str] = {}  # of each topic

    async def read(self) -> None:
        """Reads until it is cancelled; reconnects whenever the broker is back."""
        while True:
            with suppress(MqttError):
                await self._follow()
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        known = {"identifier": "dashboard", "clean_session": False, "protocol": ProtocolVersion.V311}
        async with Client("127.0.0.1", self._port, **known) as client:
            await client.subscribe("captions/room/#", qos=1)
            async for message in client.messages:
                topic = str(message.topic).removeprefix("captions/room/")
                self.last[topic] = bytes(message.payload).decode()
                self.messages.append((topic, self.last[topic], message.retain))
                self._received.set()

    async def until(self, topic: str, *, count: int = 1, says: str = "") -> None:
        """Waits for ``count`` messages of a topic, the last of which contains ``says``."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.of(topic)) < count or says not in self.last[topic]:
                self._received.clear()
                await self._received.wait()

    def of(self, topic: str) -> list[Any]:
        """Returns the messages of a topic, oldest first, without repetitions."""
        return list(dict.fromkeys(payload for t, payload, _ in self.messages if t == topic))


async def test_topics_and_retained_messages(broker: Broker, brisk: list[str], tmp_path: Path) -> None:
    """Each source has its own topics: finals as viewers receive them, partials if enabled, and its state, which is
    retained. The broker publishes "offline" when the daemon is killed, and after a normal exit."""
    more = ("--set", "mqtt.topic=captions/room", "--set", "mqtt.partials=true")
    reader = Reader(broker)
    reading = asyncio.create_task(reader.read())
    with daemon_of(broker, brisk, tmp_path, *more) as daemon:
        await reader.until("online", says="online")
        speaking = asyncio.create_task(talk(daemon, "desk", 8))
        await reader.until("desk/final", count=2)
        await reader.until("desk/partial")
        await reader.until("hello", says='"desk"')
        kept = {f["seq"]: f for f in finals(tmp_path)}
        for text in reader.of("desk/final"):
            data = json.loads(text)
            assert data.pop("session")
            assert data == kept[data["seq"]]
        assert json.loads(reader.last["hello"])["sources"][0]["name"] == "desk"
        async with Client("127.0.0.1", broker.port) as later:
            await later.subscribe("captions/room/#")
            kept_by_broker: set[str] = set()
            async with asyncio.timeout(WITHIN_S):
                while len(kept_by_broker) < 3:
                    message = await anext(aiter(later.messages))
                    kept_by_broker |= {str(message.topic)} if message.retain else set()
        assert sorted(kept_by_broker) == [f"captions/room/{name}" for name in ("desk/status", "hello", "online")]
        daemon.process.kill()
        await speaking
        await reader.until("online", says="offline")
    with daemon_of(broker, brisk, tmp_path, *more) as daemon:
        await reader.until("online", says="online")
        assert daemon.stop() == 0
        await reader.until("online", says="offline")
    reading.cancel()


async def test_the_broker_is_killed(broker: Broker, brisk: list[str], tmp_path: Path) -> None:
    """When the broker is killed during speech, the finals of that time are published when it is back, none is missing,
    and viewers receive captions all the time."""
    reader = Reader(broker)
    reading = asyncio.create_task(reader.read())
    with daemon_of(broker, brisk, tmp_path, "--set", "mqtt.topic=captions/room") as daemon:
        speaking = asyncio.create_task(talk(daemon, "desk", 8))
        await reader.until("desk/final", count=2)
        broker.kill()
        before = len(finals(tmp_path))
        async with asyncio.timeout(WITHIN_S):
            while len(finals(tmp_path)) < before + 3:  # noqa: ASYNC110 - another process cannot be awaited
                await asyncio.sleep(0.1)
        broker.start()
        await reader.until("desk/final", count=before + 5)
        speaking.cancel()
        assert await asyncio.to_thread(daemon.stop) == 0
        await reader.until("online", says="offline")
    reading.cancel()
    written = {f["seq"] for f in finals(tmp_path)}
    assert {json.loads(text)["seq"] for text in reader.of("desk/final")} == written
    assert "desk/partial" not in reader.last, "they are not enabled"


@pytest.mark.parametrize(
    ("library", "extra", "arguments"),
    [
        ("aiomqtt", "mqtt", ["run", "--source", "ws", "--set", "mqtt.url=mqtt://localhost"]),
        ("redis", "redis", ["serve", "--from", "redis://localhost"]),
        ("nats", "nats", ["serve", "--from", "nats://localhost"]),
    ],
)
def test_a_missing_library(script: list[str], library: str, extra: str, arguments: list[str]) -> None:
    """Client libraries are optional: without the one that is needed, the message says how to install it."""
    code = f"import sys; sys.modules[{library!r}] = None; from streamstt.cli.app import main; main()"
    more = script if arguments[0] == "run" else []
    done = finish([sys.executable, "-c", code, *arguments, *more])
    assert done.returncode == 78
    assert f"pip install 'streamstt[{extra}]'" in done.stderr
