"""Viewers that come back, and people who speak, while what they are connected to dies."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from tests.support.daemon import WITHIN_S, Daemon, captions, pcm_of, speak

SPEECH = pcm_of("long_sentence") * 10


class Viewer:
    """Comes back with what it saw last whenever the daemon does; notes the finals that it gets."""

    def __init__(self) -> None:
        self.finals: list[dict[str, Any]] = []
        self.sessions: set[str] = set()
        self.greetings = 0
        self._last: dict[str, Any] = {}
        self._came = asyncio.Event()

    async def watch(self, daemon: Daemon) -> None:
        """Until the daemon ends, however it does."""
        with suppress(ConnectionClosed, OSError):
            async with captions(daemon, f"/captions?{urlencode(self._last)}") as socket:
                async for text in socket:
                    self._take(json.loads(text))

    async def wait(self, count: int) -> None:
        """Until it has so many finals."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.finals) < count:
                self._came.clear()
                await self._came.wait()

    async def wait_for_greeting(self, number: int) -> None:
        """Until it has been greeted so often."""
        async with asyncio.timeout(WITHIN_S):
            while self.greetings < number:
                self._came.clear()
                await self._came.wait()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            assert "gap_in_history" not in message
            self._last["session"] = message["session"]
            self.sessions.add(message["session"])
            self.greetings += 1
        finals = message.get("history", [message] if message["type"] == "final" else [])
        self.finals += [f for f in finals if f["text"]]
        self._last["since"] = message["seq"]
        self._came.set()


async def talk(daemon: Daemon, name: str, speed: float) -> None:
    """Somebody speaks until the daemon ends."""
    with suppress(ConnectionClosed, OSError):
        async with captions(daemon, f"/audio?name={name}", max_queue=None) as speaker:  # it reads nothing
            while True:
                await speak(speaker, SPEECH, speed=speed)
