"""Checks every few seconds whether the daemon is stuck: informs the service manager, viewers and the log."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from streamstt.captioning.liveness import MAX_DECODE_S
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.events import State
from streamstt.hub.hub import Hub

CHECK_S = 2.0  # interval between two checks
MAX_SHOWN = 6  # of sources and of notices in the status line

log = logging.getLogger(__name__)


class StallDetector(Protocol):
    """Something that can get stuck, such as the pipeline."""

    def stall_reason(self, decode_s: float) -> str:
        """Describes in a sentence what is stuck; empty if nothing is.

        Args:
            decode_s: How long a decode may take, in seconds.
        """
        ...


class Watchdog:
    """Sends the service manager signs of life while nothing is stuck, so that it restarts a daemon that is.

    ``run`` is a task of the event loop: if the loop is stuck, no signs of life are sent either.
    """

    def __init__(self, notifier: SystemdNotifier, hub: Hub, stall_detector: StallDetector, address: str) -> None:
        """Checks nothing yet; call ``run``.

        Args:
            notifier: Gets the status line, and signs of life while nothing is stuck.
            hub: Its viewers, states and notices are reported; it gets a notice of what is stuck.
            stall_detector: Detects what is stuck.
            address: Address of the captions page.
        """
        self._notifier = notifier
        self._hub = hub
        self._stall_detector = stall_detector
        self._address = address.partition("?")[0]  # without the token: everybody on the machine may read the status
        self._decode_s = max(MAX_DECODE_S, notifier.watchdog_s / 2)
        self._period_s = min(CHECK_S, notifier.watchdog_s / 3) if notifier.watchdog_s else CHECK_S
        self._stuck = False

    async def run(self) -> None:
        """Checks again and again, until it is cancelled."""
        while True:
            self.check()
            await asyncio.sleep(self._period_s)

    def check(self) -> None:
        """Checks once."""
        reason = self._stall_detector.stall_reason(self._decode_s)
        self._hub.notify("stuck", reason)
        if bool(reason) != self._stuck:
            self._stuck = bool(reason)
            log.log(logging.ERROR if reason else logging.INFO, "%s", reason or "captions go on")
        if not reason:
            self._notifier.ping()
        self._notifier.status(
            status_line(self._address, self._hub.viewers, self._hub.states, [str(n) for n in self._hub.notices])
        )


def status_line(address: str, viewers: int, states: Mapping[str, State], notices: Iterable[str]) -> str:
    """Describes the state of the daemon in one line.

    Args:
        address: Address of the captions page.
        viewers: Number of viewers.
        states: State of each source by its name.
        notices: Sentences about what is wrong.
    """
    sources = [f"{name}: {state.value}" for name, state in states.items()]
    n_more = len(sources) - MAX_SHOWN
    sources = [*sources[:MAX_SHOWN], f"{n_more} more sources"] if n_more > 1 else sources
    viewer_count = "1 viewer" if viewers == 1 else f"{viewers} viewers"
    return "; ".join([f"Listening on {address}", viewer_count, *sources, *list(notices)[:MAX_SHOWN]])
