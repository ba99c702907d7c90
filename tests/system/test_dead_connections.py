"""A network that is gone without a word: clients notice, and come back without losing or repeating a final."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from selenium import webdriver
from websockets.asyncio.client import connect

from streamstt.brokers.jetstream import NatsReader, NatsWriter
from streamstt.brokers.redis_streams import RedisReader
from streamstt.brokers.subscriber import BrokerSubscriber
from streamstt.client import stream_messages
from streamstt.config.brokers import NatsSettings, RedisSettings
from streamstt.config.server import ServerSettings as Settings
from streamstt.hub.hub import Hub
from streamstt.server import handlers
from tests.support.brokers import SECRET, Broker
from tests.support.browser import WITHIN_S, until, until_equal
from tests.support.captions import make_hub
from tests.support.daemon import receive
from tests.support.http_server import serving
from tests.support.network import FailingNetwork
from tests.support.pages import FINALS, STATE, ScriptedDaemon, open_connected


@pytest.fixture
def network(scripted_daemon: ScriptedDaemon) -> Iterator[FailingNetwork]:
    between = FailingNetwork(scripted_daemon.url)
    yield between
    between.close()


def test_captions_page(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, network: FailingNetwork) -> None:
    """The page stays connected while nobody speaks; it says that the network is gone, and when it is back."""
    open_connected(browser, network.url)
    until_equal(browser, "return sockets.length", 1)
    scripted_daemon.publish_finals("One.")
    until_equal(browser, FINALS, ["One."])
    network.fail()
    scripted_daemon.publish_finals("Two.", source="other")
    until(browser, STATE, lambda text: "no connection" in text, "the connection is dead")
    assert browser.execute_script(FINALS) == ["One."]
    network.recover()
    until_equal(browser, FINALS, ["One.", "Two."])
    until(browser, STATE, lambda text: "no connection" not in text, "the network is back")
    browser.get("about:blank")


async def test_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that ask for them get signs of life while nothing is said, some of them in the time that a page waits."""
    assert 3 * handlers.HEARTBEAT_S < 8
    monkeypatch.setattr(handlers, "HEARTBEAT_S", 0.01)
    async with serving(Settings(port=0)) as server:
        async with connect(f"{server.url}captions?heartbeat=1".replace("http", "ws")) as viewer:
            kinds = [(await receive(viewer))["type"] for _ in range(4)]
        assert kinds == ["hello", "heartbeat", "heartbeat", "heartbeat"]
        async with connect(f"{server.url}captions".replace("http", "ws")) as viewer:
            await receive(viewer)
            with pytest.raises(TimeoutError):
                await receive(viewer, 0.1)


async def test_terminal(scripted_daemon: ScriptedDaemon, network: FailingNetwork) -> None:
    """A program that follows the captions is told, and gets what it missed once."""
    said: asyncio.Queue[str] = asyncio.Queue()
    texts: list[str] = []

    async def follow() -> None:
        async with aclosing(stream_messages(network.url, on_status=said.put_nowait)) as messages:
            async for message in messages:
                texts.extend(m["text"] for m in [*message.get("history", []), message] if m["type"] == "final")

    async with asyncio.timeout(3 * WITHIN_S):
        following = asyncio.create_task(follow())
        while not scripted_daemon.viewers:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.02)
        scripted_daemon.publish_finals("One.")
        while not texts:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        network.fail()
        scripted_daemon.publish_finals("Two.", source="other")
        assert "lost" in await said.get()
        network.recover()
        assert "again" in await said.get()
        while len(texts) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert texts == ["One.", "Two."]


@pytest.mark.parametrize("kind", ["redis", "nats"])
async def test_edge(kind: str, tmp_path: Path) -> None:
    """An edge whose network to the broker is gone says so, and takes it back when it connects again."""
    with Broker(kind, tmp_path / kind) as broker:
        network = FailingNetwork(broker.url)
        try:
            hub = make_hub()
            if kind == "nats":
                writer = NatsWriter(NatsSettings(url=broker.url), SECRET)
                await writer.connect()  # creates the stream
                await writer.close()
                reader = NatsReader(NatsSettings(url=network.url), SECRET)
            else:
                reader = RedisReader(RedisSettings(url=network.url), SECRET)
            task = asyncio.create_task(BrokerSubscriber(reader, hub).run())
            await _until(lambda: "broker" not in topics(hub))
            network.fail()
            await _until(lambda: "broker" in topics(hub))
            network.recover()
            await _until(lambda: "broker" not in topics(hub))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        finally:
            network.close()


def topics(hub: Hub) -> list[str]:
    return [notice.topic for notice in hub.notices]


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not is_true():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
