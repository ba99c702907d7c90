"""Looks every few seconds how the daemon is: tells the service manager, and people when something is stuck."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from streamstt.captioning.liveness import MAX_DECODE_S
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.events import State
from streamstt.hub.hub import Hub

CHECK_S = 2.0
MAX_SHOWN = 6  # sources in the status line, and notices

log = logging.getLogger(__name__)


class StallDetector(Protocol):
    """What can get stuck."""

    def stall_reason(self, decode_s: float) -> str:
        """What is stuck, as a sentence; empty when all goes on. A decode may take ``decode_s``."""
        ...


class Watchdog:
    """Of one daemon; ``run`` must be running. That it runs is itself a sign that the event loop does."""

    def __init__(self, notifier: SystemdNotifier, hub: Hub, stall_detector: StallDetector, address: str) -> None:
        """Looks at nothing yet.

        Args:
            notifier: Told what it sees; its watchdog is fed only while nothing is stuck.
            hub: Asked for viewers, states and notices; told what is stuck.
            stall_detector: Asked what is stuck.
            address: Of the captions page.
        """
        self._notifier = notifier
        self._hub = hub
        self._stall_detector = stall_detector
        self._address = address.partition("?")[0]  # everybody on the machine may read the status: no token in it
        self._decode_s = max(MAX_DECODE_S, notifier.watchdog_s / 2)
        self._period_s = min(CHECK_S, notifier.watchdog_s / 3) if notifier.watchdog_s else CHECK_S
        self._stuck = False

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            self.check()
            await asyncio.sleep(self._period_s)

    def check(self) -> None:
        """Looks once."""
        trouble = self._stall_detector.stall_reason(self._decode_s)
        self._hub.notify("stuck", trouble)
        if bool(trouble) != self._stuck:
            self._stuck = bool(trouble)
            log.log(logging.ERROR if trouble else logging.INFO, "%s", trouble or "captions go on")
        if not trouble:
            self._notifier.ping()
        self._notifier.status(
            status_line(self._address, self._hub.viewers, self._hub.states, [str(n) for n in self._hub.notices])
        )


def status_line(address: str, viewers: int, states: Mapping[str, State], notices: Iterable[str]) -> str:
    """How the daemon is, for a person.

    Args:
        address: Of the captions page.
        viewers: How many follow.
        states: Of each source.
        notices: What is wrong.
    """
    sources = [f"{name}: {state.value}" for name, state in states.items()]
    more = len(sources) - MAX_SHOWN
    sources = [*sources[:MAX_SHOWN], f"{more} more sources"] if more > 1 else sources
    watching = "1 viewer" if viewers == 1 else f"{viewers} viewers"
    return "; ".join([f"Listening on {address}", watching, *sources, *list(notices)[:MAX_SHOWN]])
