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
from streamstt.terminal.dashboard import CAPTIONS, Glance, Heard, caption, draw
from streamstt.terminal.live_region import Area
from streamstt.terminal.text import Palette
from streamstt.terminal.tty import Tty

LOOK_S = 0.2
FALL_DB = 4.0  # a peak's mark falls so far at each look, so that the eye can follow
STALE = 5  # looks after which a level is no longer true: no audio comes
LINES = 1000  # of the log that may wait for a terminal that is stopped; the oldest are dropped

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A level on the screen, where its peak's mark has fallen to since, and at how many looks it was there."""

    level: LevelMessage
    mark: float
    looks: int = 0


class _Lines:
    """Standard error while the view is open: whole lines, from any thread."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.waiting: deque[str] = deque(maxlen=LINES)
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        self.waiting.extend(lines)
        return len(text)

    def flush(self) -> None:
        """They are taken at the next look."""

    def isatty(self) -> bool:
        return True

    def take(self) -> list[Text]:
        """All that waits, each line once."""
        return [Text.from_ansi(self.waiting.popleft()) for _ in range(len(self.waiting))]


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
        self._area = Area(self._console)
        self._lines = _Lines()
        self._palette = Palette()
        self._levels: dict[str, _Shown] = {}  # of each source that is here and gives audio
        self._ending = False
        self._begun = time.monotonic()

    async def run(self, hub: Hub, address: str) -> None:
        """Looks until it is cancelled; then the last captions stay on the terminal.

        Args:
            hub: Asked how things are.
            address: Of the captions page.
        """
        since = hub.seq
        stderr = sys.stderr
        try:
            sys.stderr = self._lines
            _log_to(self._lines)
            with hub.levels.subscribe(self._hear):
                while True:
                    self._look(hub, since, address)
                    await asyncio.sleep(LOOK_S)
        except Exception:  # whatever it is, it is no reason to end
            log.exception("the live view has failed; captions go on without it")
        finally:
            sys.stderr = stderr
            _log_to(stderr)
            self._finish(hub, since, address)

    def stopping(self) -> None:
        """The daemon finishes the last captions; it may end at any moment, and leaves the terminal as it was."""
        self._ending = True
        self._area.hand_back()

    def glance(self, hub: Hub, since: int, address: str) -> Glance:
        """How things are now."""
        for source in hub.sources:
            self._palette.learn(source.name, source.label)
        lags = [reading.value for reading in hub.counters.collect() if reading.name == "lag_seconds"]
        return Glance(
            address=address.partition("?")[0],
            model=hub.daemon_info.model,
            sources=tuple(self._heard(hub, source.name) for source in hub.sources),
            captions=tuple(hub.recent_captions(CAPTIONS, since)),
            notices=tuple(map(str, hub.notices)),
            viewers=hub.viewers,
            lag_s=max(lags, default=0.0),
            up_s=time.monotonic() - self._begun,
            ending=self._ending,
        )

    def _heard(self, hub: Hub, name: str) -> Heard:
        shown = self._levels.get(name)
        state, detail = hub.states.get(name), hub.status_detail(name)
        return Heard(name, state, detail, shown.level.rms, shown.mark) if shown else Heard(name, state, detail)

    def _hear(self, level: LevelMessage) -> None:
        before = self._levels.get(level.source)
        self._levels[level.source] = _Shown(level, max(level.peak, before.mark if before else level.peak))

    def _look(self, hub: Hub, since: int, address: str) -> None:
        fallen = {name: replace(s, mark=s.mark - FALL_DB, looks=s.looks + 1) for name, s in self._levels.items()}
        self._levels = {name: shown for name, shown in fallen.items() if shown.looks <= STALE}
        if not self._tty.is_ready or not self._area.in_front:
            self._area.forget()
            return
        self._area.draw(draw(self.glance(hub, since, address), self._palette, self._console), self._lines.take())

    def _finish(self, hub: Hub, since: int, address: str) -> None:
        """Leaves the last captions, and the terminal as it was."""
        try:
            last = [caption(event, self._palette) for event in self.glance(hub, since, address).captions]
            self._area.close([*self._lines.take(), *last])
        except Exception:  # the daemon ends well all the same
            log.exception("the live view has failed")
        finally:
            self._tty.close()


def _log_to(stream: object) -> None:
    """Sends the log of this process to another stream."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(stream)
