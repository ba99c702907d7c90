"""Where captions go besides viewers and transcripts: other programs and services, each a subscriber of the hub."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from streamstt.buses.making import make_buses
from streamstt.config import Settings
from streamstt.serve.hub import Hub

CLOSE_S = 5.0  # a stopping daemon waits no longer for targets that do not answer


class Outlet(Protocol):
    """Passes captions on to one target; a dead target delays nobody, and comes back by itself."""

    async def run(self) -> None:
        """Subscribes and delivers; returns when the hub has finished and what was published is delivered."""
        ...


def make_outlets(settings: Settings, hub: Hub) -> Sequence[Outlet]:
    """Those that are switched on."""
    return make_buses(settings, hub)


async def finish(running: Sequence[asyncio.Task[None]]) -> None:
    """Waits for outlets whose hub has finished, and ends those that take too long."""
    if running:
        _, late = await asyncio.wait(running, timeout=CLOSE_S)
        for task in late:
            task.cancel()
