"""Notices when no more audio of a source comes, as from a client that sends only while somebody speaks."""

import asyncio
from collections.abc import Callable

# Not 5 s at once: the daemon itself may have been stopped, or the machine asleep, while audio was on its way.
PAUSE_STEPS, PAUSE_STEP_S = 10, 0.5


class PauseWatch:
    """Calls back once when no audio has come for some seconds; runs on the event loop."""

    def __init__(self, is_busy: Callable[[], bool], on_pause: Callable[[], None]) -> None:
        """Starts idle, until the first audio.

        Args:
            is_busy: Returns whether the source may be waiting for us, which is no pause.
            on_pause: Called when there is one.
        """
        self._is_busy = is_busy
        self._on_pause = on_pause
        self._steps_left = 0
        self._timer: asyncio.TimerHandle | None = None

    def audio_received(self) -> None:
        """Begins to wait for the next audio."""
        self._steps_left = PAUSE_STEPS
        if not self._timer:
            self._step_later()

    def stop(self) -> None:
        """Waits for nothing any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _step_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PAUSE_STEP_S, self._step)

    def _step(self) -> None:
        self._timer = None
        self._steps_left = PAUSE_STEPS if self._is_busy() else self._steps_left - 1
        if self._steps_left:
            self._step_later()
        else:
            self._on_pause()
