"""The live view of ``streamstt run``: the dashboard at the end of the terminal, with the log scrolling above.

The view only reads: if it fails, captions continue.
"""

import asyncio
import logging
import sys
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TextIO

from rich.console import Console
from rich.text import Text

from streamstt.hub.hub import Hub
from streamstt.hub.levels import LevelMessage
from streamstt.terminal.dashboard import CAPTION_LINES, DashboardState, SourceRow, dashboard_lines, format_caption
from streamstt.terminal.live_region import LiveRegion
from streamstt.terminal.text import Palette
from streamstt.terminal.tty import Tty

REFRESH_S = 0.2
PEAK_FALL_DB = 4.0  # fall of the peak mark per refresh, slow enough to see
STALE_REFRESHES = 5  # without a new level for this many refreshes, no audio arrives
MAX_LOG_LINES = 1000  # log lines that may wait for a stopped terminal; the oldest are dropped

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ShownLevel:
    """The last level of a source, the position of its peak mark (dBFS), and its age in refreshes."""

    level: LevelMessage
    peak_mark: float
    refreshes: int = 0


class _LogLines:
    """Replaces standard error while the view is open; collects complete lines, from any thread."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.pending: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._unfinished = ""

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        self.pending.extend(lines)
        return len(text)

    def flush(self) -> None:
        """Does nothing: the next refresh takes the lines."""

    def isatty(self) -> bool:
        return True

    def pop_all(self) -> list[Text]:
        """Returns and removes all complete lines."""
        return [Text.from_ansi(self.pending.popleft()) for _ in range(len(self.pending))]


class LiveView:
    """Shows the state of one daemon in one terminal."""

    def __init__(self, tty: Tty) -> None:
        """Draws nothing until ``run`` is called.

        Args:
            tty: The terminal; the view closes it.
        """
        self._tty = tty
        file: TextIO = tty  # type: ignore[assignment]  # it has all methods that rich uses
        self._console = Console(file=file, force_terminal=True, emoji=False)
        self._region = LiveRegion(self._console)
        self._log_lines = _LogLines()
        self._palette = Palette()
        self._levels: dict[str, _ShownLevel] = {}  # by source, if it has audio
        self._stopping = False
        self._started_at = time.monotonic()

    async def run(self, hub: Hub, address: str) -> None:
        """Refreshes the view until cancelled; leaves the last captions on the terminal.

        Args:
            hub: Hub of the daemon, which is only read.
            address: Address of the captions page.
        """
        since = hub.seq
        stderr = sys.stderr
        try:
            sys.stderr = self._log_lines
            _redirect_log(self._log_lines)
            with hub.levels.subscribe(self._on_level):
                while True:
                    self._refresh(hub, since, address)
                    await asyncio.sleep(REFRESH_S)
        except Exception:  # a failed view must not end the daemon
            log.exception("the live view failed; captions continue without it")
        finally:
            sys.stderr = stderr
            _redirect_log(stderr)
            self._finish(hub, since, address)

    def stopping(self) -> None:
        """Shows that the daemon is finishing; restores the terminal, because the daemon may end at any moment."""
        self._stopping = True
        self._region.release_terminal()

    def snapshot(self, hub: Hub, since: int, address: str) -> DashboardState:
        """Collects the state that the dashboard shows."""
        for source in hub.sources:
            self._palette.add(source.name, source.label)
        return DashboardState(
            address=address.partition("?")[0],
            model=hub.daemon_info.model,
            sources=tuple(self._source_row(hub, source.name) for source in hub.sources),
            captions=tuple(hub.recent_captions(CAPTION_LINES, since)),
            notices=tuple(map(str, hub.notices)),
            viewers=hub.viewers,
            lag_s=hub.counters.max_lag_s,
            uptime_s=time.monotonic() - self._started_at,
            stopping=self._stopping,
        )

    def _source_row(self, hub: Hub, name: str) -> SourceRow:
        shown = self._levels.get(name)
        state, detail = hub.states.get(name), hub.status_detail(name)
        return (
            SourceRow(name, state, detail, shown.level.rms, shown.peak_mark)
            if shown
            else SourceRow(name, state, detail)
        )

    def _on_level(self, level: LevelMessage) -> None:
        before = self._levels.get(level.source)
        self._levels[level.source] = _ShownLevel(level, max(level.peak, before.peak_mark if before else level.peak))

    def _refresh(self, hub: Hub, since: int, address: str) -> None:
        levels = {
            name: replace(s, peak_mark=s.peak_mark - PEAK_FALL_DB, refreshes=s.refreshes + 1)
            for name, s in self._levels.items()
        }
        self._levels = {name: shown for name, shown in levels.items() if shown.refreshes <= STALE_REFRESHES}
        if not self._tty.is_ready or not self._region.is_foreground:
            self._region.invalidate()
            return
        self._region.draw(
            dashboard_lines(self.snapshot(hub, since, address), self._palette, self._console), self._log_lines.pop_all()
        )

    def _finish(self, hub: Hub, since: int, address: str) -> None:
        """Leaves the last captions on the terminal and restores it."""
        try:
            last = [format_caption(event, self._palette) for event in self.snapshot(hub, since, address).captions]
            self._region.close([*self._log_lines.pop_all(), *last])
        except Exception:  # the daemon must end normally
            log.exception("the live view failed")
        finally:
            self._tty.close()


def _redirect_log(stream: object) -> None:
    """Redirects the log of this process to another stream."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
