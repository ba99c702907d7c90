"""Viewers that reconnect, and speakers, for tests that kill the daemon."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from tests.support.daemon import WITHIN_S, Daemon, captions, pcm_of, speak

SPEECH = pcm_of("long_sentence") * 10


class Viewer:
    """Reconnects with the position of its last message whenever the daemon is back; collects the finals."""

    def __init__(self) -> None:
        self.finals: list[dict[str, Any]] = []
        self.sessions: set[str] = set()
        self.greetings = 0
        self._last: dict[str, Any] = {}
        self._received = asyncio.Event()

    async def watch(self, daemon: Daemon) -> None:
        """Receives messages until the connection to the daemon is lost."""
        with suppress(ConnectionClosed, OSError):
            async with captions(daemon, f"/captions?{urlencode(self._last)}") as socket:
                async for text in socket:
                    self._receive(json.loads(text))

    async def wait(self, count: int) -> None:
        """Waits until it has a number of finals."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.finals) < count:
                self._received.clear()
                await self._received.wait()

    async def wait_for_greeting(self, number: int) -> None:
        """Waits until it has received a number of greetings."""
        async with asyncio.timeout(WITHIN_S):
            while self.greetings < number:
                self._received.clear()
                await self._received.wait()

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            assert "gap_in_history" not in message
            self._last["session"] = message["session"]
            self.sessions.add(message["session"])
            self.greetings += 1
        finals = message.get("history", [message] if message["type"] == "final" else [])
        self.finals += [f for f in finals if f["text"]]
        self._last["since"] = message["seq"]
        self._received.set()


async def talk(daemon: Daemon, name: str, speed: float) -> None:
    """Sends speech until the daemon stops."""
    with suppress(ConnectionClosed, OSError):
        async with captions(daemon, f"/audio?name={name}", max_queue=None) as speaker:  # it reads nothing
            while True:
                await speak(speaker, SPEECH, speed=speed)
