"""A text source of OBS that shows captions while people speak, through ``SetInputSettings``.

Only the newest text is kept for OBS: when OBS can be reached again, it shows the captions of that moment.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from streamstt.clock import loop_time
from streamstt.concurrency import first_completed
from streamstt.config.outputs import ObsSettings
from streamstt.events import Final, Partial, Revised
from streamstt.hub.hub import Hub
from streamstt.outputs.base import TargetGone, TargetUnavailable, subscribe_captions
from streamstt.outputs.obs.connection import ObsConnection
from streamstt.outputs.obs.protocol import NOT_FOUND
from streamstt.outputs.target_status import TargetStatus
from streamstt.text.line_breaking import break_lines


class RollUpText:
    """Text that rolls up while people speak; a full line is not broken again."""

    def __init__(self, line_chars: int, max_lines: int) -> None:
        """Starts empty.

        Args:
            line_chars: Characters per line.
            max_lines: Number of lines that are shown.
        """
        self._line_chars = line_chars
        self._max_lines = max_lines
        self._shown: list[Final] = []  # those with words on a shown line, oldest first; hidden ones are empty
        self._final_text = ""  # their text, from the beginning of a shown line
        self._partial: Partial | None = None  # the newest
        self._language = ""

    def update(self, event: Final | Partial) -> None:
        """Adds a final, or replaces the partial; if several people speak at once, the newest partial is shown."""
        self._language = event.language
        if isinstance(event, Partial):
            self._partial = event
            return
        if self._partial and self._partial.source == event.source:
            self._partial = None
        self._final_text = f"{self._final_text} {event.text}".strip()
        self._shown.append(event)
        self._keep_last_lines()
        while self._shown and len(_joined(self._shown[1:])) >= len(self._final_text):
            del self._shown[0]

    def revise(self, revised: Revised) -> bool:
        """Shows a final that is still on a line as it is now; returns whether it is.

        The lines are broken anew, from the beginning of the first final on them. What a second look has found is not
        shown: what is being read does not change.
        """
        before = next((final for final in self._shown if final.id == revised.final.id), None)
        if before is None or (revised.second_look and before.text and not revised.hidden):
            return False
        now = replace(revised.final, text="") if revised.hidden else revised.final
        self._shown = [now if final.id == now.id else final for final in self._shown]
        self._final_text = _joined(self._shown)
        self._keep_last_lines()
        return True

    def _keep_last_lines(self) -> None:
        lines = break_lines(self._final_text, self._line_chars, self._language)
        self._final_text = " ".join(lines[-self._max_lines :])

    def clear(self) -> None:
        """Removes all text."""
        self._final_text, self._partial = "", None
        self._shown = []

    @property
    def text(self) -> str:
        """The lines to show, separated by newlines."""
        speech = f"{self._final_text} {self._partial.text if self._partial else ''}"
        return "\n".join(break_lines(speech, self._line_chars, self._language)[-self._max_lines :])


def _joined(finals: Sequence[Final]) -> str:
    return " ".join(final.text for final in finals if final.text)


LAST_RETRY_S = 5.0

log = logging.getLogger(__name__)


class ObsTextSource:
    """A ``CaptionOutput`` that keeps a text source of OBS up to date."""

    def __init__(self, connection: ObsConnection, settings: ObsSettings, hub: Hub) -> None:
        """Starts idle; call ``run``.

        Args:
            connection: The connection to OBS.
            settings: The ``[obs]`` section.
            hub: Where captions are published.
        """
        self._connection = connection
        self._settings = settings
        self._hub = hub
        self._roll_up = RollUpText(settings.line_chars, settings.lines)
        self._status = TargetStatus("obs", hub, LAST_RETRY_S)
        self._changed = asyncio.Event()
        self._shown_text: str | None = None  # None: unknown, as after connecting
        self._last_caption_at = -math.inf
        self._closing = False

    async def run(self) -> None:
        """Shows captions until the hub has finished, then clears the text; never raises."""
        log.info("captions are sent to the text source %s of obs", self._settings.text_source)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._update_until_closed())
                async for message in subscribe_captions(self._hub, self._settings.sources):
                    if isinstance(message.event, Revised):
                        self._roll_up.revise(message.event)
                        self._changed.set()
                    elif isinstance(message.event, Final | Partial):
                        self._roll_up.update(message.event)
                        self._last_caption_at = loop_time()
                        self._changed.set()
                self._closing = True
                self._changed.set()
        except Exception:  # a bug: drop this output, keep captioning
            log.exception("no more captions are sent to obs")
            self._status.record_end("an error in the program")
        finally:
            await self._connection.close()

    async def _update_until_closed(self) -> None:
        while not self._closing:
            try:
                await self._update()
                await asyncio.sleep(1 / self._settings.updates_s)
                await self._wait_for_change()
            except TargetUnavailable as error:
                await self._connection.close()
                await self._wait_before_retry(self._status.record_failure(error))
            except TargetGone as error:
                self._status.record_end(str(error))
                return
        self._roll_up.clear()  # no caption stays on the stream
        with suppress(TargetUnavailable, TargetGone):
            if self._connection.is_open:
                await self._update()

    async def _update(self) -> None:
        if not self._connection.is_open:
            await self._connection.open()
            self._shown_text = None
        if loop_time() >= self._clear_at:
            self._roll_up.clear()
        text = self._roll_up.text
        if text == self._shown_text:
            return
        data = {"inputName": self._settings.text_source, "inputSettings": {"text": text}}
        status = await self._connection.request("SetInputSettings", data)
        if status.ok:
            self._shown_text = text
            self._status.record_success(1)
        elif status.code == NOT_FOUND:
            self._status.record_rejection(f"OBS has no source named {self._settings.text_source!r}")
        else:
            self._status.record_rejection(f"OBS answers {status}")

    async def _wait_for_change(self) -> None:
        """Waits until there is a caption, the text has to be cleared, or OBS closes the connection."""
        until = self._clear_at if self._roll_up.text else math.inf
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if until == math.inf else until):
                await first_completed(self._changed.wait(), self._connection.wait_closed())
        self._changed.clear()

    @property
    def _clear_at(self) -> float:
        """Loop time (s) at which the text is cleared if there is no new caption."""
        return self._last_caption_at + self._settings.clear_s if self._settings.clear_s else math.inf

    async def _wait_before_retry(self, delay_s: float) -> None:
        """Waits for the delay, or until the hub has finished."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                while not self._closing:
                    self._changed.clear()
                    await self._changed.wait()
