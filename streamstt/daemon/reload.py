"""SIGHUP: reads the configuration again, and hands what can change to the parts while they run."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from streamstt import logs
from streamstt.audio.vad import make_detector
from streamstt.config.changes import compare
from streamstt.config.settings import Settings
from streamstt.daemon.components import Components
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.errors import StreamsttError
from streamstt.whisper.loader import require_languages

log = logging.getLogger(__name__)


class Reloader:
    """Of one daemon."""

    def __init__(
        self,
        settings: Settings,
        load_settings: Callable[[], Settings],
        components: Components,
        notifier: SystemdNotifier,
    ) -> None:
        """Changes nothing yet.

        Args:
            settings: In force.
            load_settings: Reads all layers of the configuration again.
            components: Told of their settings.
            notifier: Told that, and when, settings are being read.
        """
        self._settings = settings
        self._load_settings = load_settings
        self._components = components
        self._notifier = notifier

    async def run(self, reload_requested: asyncio.Event) -> None:
        """Reloads whenever it is wanted, until it is cancelled."""
        while True:
            await reload_requested.wait()
            reload_requested.clear()
            self._notifier.reloading()
            try:
                await self._reload()
            except StreamsttError as error:
                log.error("the settings are as they were: %s", error)
                self._components.hub.notify("settings", "The new settings have mistakes; the old ones are in force.")
            else:
                self._components.hub.notify("settings", "")
            self._notifier.ready()

    async def _reload(self) -> None:
        """Reads and checks everything first, so that a mistake changes nothing."""
        changes = compare(self._settings, await asyncio.to_thread(self._load_settings))
        settings, parts = changes.settings, self._components
        make_detector(settings.speech)
        require_languages(parts.engine.info, settings.engine.language)
        if "engine.vocabulary" in changes.live:
            await parts.engine.set_vocabulary(settings.engine.vocabulary)
        logs.configure(settings.log)
        server = settings.server
        parts.hub.set_limits(history=server.history, hello_history=server.hello_history, queue=server.client_queue)
        parts.hub.daemon_info = replace(parts.hub.daemon_info, language=settings.engine.language)
        parts.pipeline.reload(settings)
        parts.server.reload(server)
        parts.server.set_overlay(settings.overlay)
        if parts.archive:
            parts.archive.reload(settings.transcript)
        self._settings = settings
        log.info("settings are read again; changed: %s", ", ".join(changes.live) or "none")
        if changes.needs_restart:
            log.warning("these have changed, and need a restart: %s", ", ".join(changes.needs_restart))
