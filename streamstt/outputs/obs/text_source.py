"""A text source of OBS that shows captions as people speak, by ``SetInputSettings``.

Nothing waits for OBS here but the newest text: when OBS comes back it shows what is said then.
"""

import asyncio
import logging
import math
from contextlib import suppress

from streamstt.config.outputs import Obs
from streamstt.events import Final, Partial
from streamstt.hub.hub import Hub
from streamstt.outputs.base import Away, Over, published
from streamstt.outputs.obs.connection import ObsSocket
from streamstt.outputs.obs.protocol import NOT_FOUND
from streamstt.outputs.target_status import Standing
from streamstt.text.line_breaking import lines


class Screen:
    """Rolls up as people speak; a line that is full stays as it is."""

    def __init__(self, line_chars: int, most: int) -> None:
        """Shows nothing.

        Args:
            line_chars: Width of a line.
            most: Lines at once.
        """
        self._line_chars = line_chars
        self._most = most
        self._said = ""  # finals, from the beginning of a line on
        self._open: Partial | None = None  # the newest
        self._language = ""

    def take(self, event: Final | Partial) -> None:
        """Shows what is said; of several who speak at once, what the last of them says, until it is final."""
        self._language = event.language
        if isinstance(event, Partial):
            self._open = event
            return
        if self._open and self._open.source == event.source:
            self._open = None
        self._said = f"{self._said} {event.text}".strip()
        broken = lines(self._said, self._line_chars, self._language)
        self._said = " ".join(broken[-self._most :])

    def clear(self) -> None:
        """Nobody has spoken for a while."""
        self._said, self._open = "", None

    @property
    def text(self) -> str:
        """As it is shown, its lines apart."""
        speech = f"{self._said} {self._open.text if self._open else ''}"
        return "\n".join(lines(speech, self._line_chars, self._language)[-self._most :])


LAST_RETRY_S = 5.0

log = logging.getLogger(__name__)


class ObsText:
    """An ``Outlet``."""

    def __init__(self, socket: ObsSocket, settings: Obs, hub: Hub) -> None:
        """Shows nothing yet.

        Args:
            socket: To OBS.
            settings: The ``[obs]`` section.
            hub: Where captions come from.
        """
        self._socket = socket
        self._settings = settings
        self._hub = hub
        self._screen = Screen(settings.line_chars, settings.lines)
        self._standing = Standing("obs", hub, LAST_RETRY_S)
        self._changed = asyncio.Event()
        self._shown: str | None = None  # None: not known, as after a new connection
        self._heard_at = -math.inf
        self._closing = False

    async def run(self) -> None:
        """Shows what is said until the hub has finished, then nothing; never raises."""
        log.info("captions go to the text source %s of obs", self._settings.text_source)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._show_all())
                async for message in published(self._hub, self._settings.sources):
                    if isinstance(message.event, Final | Partial):
                        self._screen.take(message.event)
                        self._heard_at = _now()
                        self._changed.set()
                self._closing = True
                self._changed.set()
        except Exception:  # a mistake of ours: captions are worth more than their copies
            log.exception("captions do not go to obs any more")
            self._standing.end("a mistake in the program")
        finally:
            await self._socket.close()

    async def _show_all(self) -> None:
        while not self._closing:
            try:
                await self._show()
                await asyncio.sleep(1 / self._settings.updates_s)
                await self._next()
            except Away as problem:
                await self._socket.close()
                await self._pause(self._standing.fail(problem))
            except Over as end:
                self._standing.end(str(end))
                return
        self._screen.clear()  # nothing of us stays on the stream
        with suppress(Away, Over):
            if self._socket.is_open:
                await self._show()

    async def _show(self) -> None:
        if not self._socket.is_open:
            await self._socket.open()
            self._shown = None
        if _now() >= self._fades_at:
            self._screen.clear()
        text = self._screen.text
        if text == self._shown:
            return
        data = {"inputName": self._settings.text_source, "inputSettings": {"text": text}}
        outcome = await self._socket.ask("SetInputSettings", data)
        if outcome.good:
            self._shown = text
            self._standing.succeed(1)
        elif outcome.code == NOT_FOUND:
            self._standing.refuse(f"OBS has no source named {self._settings.text_source!r}")
        else:
            self._standing.refuse(f"OBS answers {outcome}")

    async def _next(self) -> None:
        """Until something is said, or nothing was for a while, or OBS has gone."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._changed.wait())]
        waits.append(asyncio.ensure_future(self._socket.lost()))
        silence_s = max(self._fades_at - _now(), 0) if self._screen.text else math.inf
        try:
            timeout = None if silence_s == math.inf else silence_s
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._changed.clear()

    @property
    def _fades_at(self) -> float:
        """When what is shown is too long ago."""
        return self._heard_at + self._settings.clear_s if self._settings.clear_s else math.inf

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                while not self._closing:
                    self._changed.clear()
                    await self._changed.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()
