"""Reads the configuration again on SIGHUP and applies what can change while the process runs.

One loop for daemon and edge. It must not know what they are made of: each brings its own ``apply``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from streamstt import logs
from streamstt.concurrency import run_in_thread
from streamstt.config.changes import Changes, compare
from streamstt.config.settings import Settings
from streamstt.daemon.hooks import DaemonHooks
from streamstt.errors import StreamsttError
from streamstt.hub.hub import Hub

log = logging.getLogger(__name__)


class Reloader:
    """Keeps the settings in force, and replaces them when a reload is requested."""

    def __init__(
        self, settings: Settings, hooks: DaemonHooks, hub: Hub, apply: Callable[[Changes], Awaitable[None]]
    ) -> None:
        """Starts with the settings that the process was started with.

        Args:
            settings: The settings in force.
            hooks: Its ``load_settings`` reads the new settings; its notifier is informed of each reload.
            hub: Gets its new limits, and a notice while the new settings have errors.
            apply: Checks new settings and applies them to the other parts. It raises a ``StreamsttError`` before it
                has changed anything, or not at all.
        """
        self._settings = settings
        self._hooks = hooks
        self._hub = hub
        self._apply = apply

    async def run(self, reload_requested: asyncio.Event) -> None:
        """Reloads each time the event is set, until it is cancelled."""
        while True:
            await reload_requested.wait()
            reload_requested.clear()
            self._hooks.notifier.reloading()
            try:
                await self._reload()
            except StreamsttError as error:
                log.error("the settings stay as they were: %s", error)
                self._hub.notify("settings", "The new settings have errors; the old ones stay in force.")
            else:
                self._hub.notify("settings", "")
            self._hooks.notifier.ready()

    async def _reload(self) -> None:
        """Reads and checks everything before it changes anything, so that an error changes nothing."""
        changes = compare(self._settings, await run_in_thread(self._hooks.load_settings))
        await self._apply(changes)
        settings, server = changes.settings, changes.settings.server
        logs.configure(settings.log)
        self._hub.set_limits(history=server.history, hello_history=server.hello_history, queue=server.client_queue)
        self._settings = settings
        log.info("settings reloaded; changed: %s", ", ".join(changes.live) or "none")
