"""The live view of ``streamstt run``: how the daemon is, at the end of the terminal; its log scrolls above.

It only looks: captions go on whatever becomes of it.
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
PEAK_FALL_DB = 4.0  # a peak's mark falls so far at each look, so that the eye can follow
STALE_REFRESHES = 5  # looks after which a level is no longer true: no audio comes
MAX_LOG_LINES = 1000  # of the log that may wait for a terminal that is stopped; the oldest are dropped

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ShownLevel:
    """A level on the screen, where its peak's mark has fallen to since, and at how many looks it was there."""

    level: LevelMessage
    peak_mark: float
    refreshes: int = 0


class _LogLines:
    """Standard error while the view is open: whole lines, from any thread."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.pending: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._unfinished = ""

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        self.pending.extend(lines)
        return len(text)

    def flush(self) -> None:
        """They are taken at the next look."""

    def isatty(self) -> bool:
        return True

    def pop_all(self) -> list[Text]:
        """All that waits, each line once."""
        return [Text.from_ansi(self.pending.popleft()) for _ in range(len(self.pending))]


class LiveView:
    """Of one daemon in one terminal."""

    def __init__(self, tty: Tty) -> None:
        """Draws nothing yet.

        Args:
            tty: Closed by the view.
        """
        self._tty = tty
        file: TextIO = tty  # type: ignore[assignment]  # as much of one as rich needs
        self._console = Console(file=file, force_terminal=True)
        self._region = LiveRegion(self._console)
        self._log_lines = _LogLines()
        self._palette = Palette()
        self._levels: dict[str, _ShownLevel] = {}  # of each source that is here and gives audio
        self._stopping = False
        self._started_at = time.monotonic()

    async def run(self, hub: Hub, address: str) -> None:
        """Looks until it is cancelled; then the last captions stay on the terminal.

        Args:
            hub: Asked how things are.
            address: Of the captions page.
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
        except Exception:  # whatever it is, it is no reason to end
            log.exception("the live view has failed; captions go on without it")
        finally:
            sys.stderr = stderr
            _redirect_log(stderr)
            self._finish(hub, since, address)

    def stopping(self) -> None:
        """The daemon finishes the last captions; it may end at any moment, and leaves the terminal as it was."""
        self._stopping = True
        self._region.release_terminal()

    def snapshot(self, hub: Hub, since: int, address: str) -> DashboardState:
        """How things are now."""
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
        fallen = {
            name: replace(s, peak_mark=s.peak_mark - PEAK_FALL_DB, refreshes=s.refreshes + 1)
            for name, s in self._levels.items()
        }
        self._levels = {name: shown for name, shown in fallen.items() if shown.refreshes <= STALE_REFRESHES}
        if not self._tty.is_ready or not self._region.is_foreground:
            self._region.invalidate()
            return
        self._region.draw(
            dashboard_lines(self.snapshot(hub, since, address), self._palette, self._console), self._log_lines.pop_all()
        )

    def _finish(self, hub: Hub, since: int, address: str) -> None:
        """Leaves the last captions, and the terminal as it was."""
        try:
            last = [format_caption(event, self._palette) for event in self.snapshot(hub, since, address).captions]
            self._region.close([*self._log_lines.pop_all(), *last])
        except Exception:  # the daemon ends well all the same
            log.exception("the live view has failed")
        finally:
            self._tty.close()


def _redirect_log(stream: object) -> None:
    """Sends the log of this process to another stream."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
