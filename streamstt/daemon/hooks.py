"""Who starts the daemon, and whom it tells how it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamstt.config.settings import Settings
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.hub.hub import Hub
from streamstt.progress import Progress


class StatusView(Protocol):
    """Shows a person how the daemon is, for as long as it runs."""

    async def run(self, hub: Hub, address: str) -> None:
        """Looks at the hub until it is cancelled; raises nothing."""
        ...

    def stopping(self) -> None:
        """The last captions are being finished; the process may end at any moment."""
        ...


@dataclass(frozen=True, slots=True)
class DaemonHooks:
    """Who starts the daemon, and what it tells them.

    Attributes:
        on_ready: Called with the address of the captions page when it can be opened.
        load_settings: Reads the settings again.
        on_progress: Told how far a model download is.
        notifier: The service manager.
        status_view: A person in front of a terminal, if there is one.
    """

    on_ready: Callable[[str], None]
    load_settings: Callable[[], Settings]
    on_progress: Progress | None = None
    notifier: SystemdNotifier = field(default_factory=SystemdNotifier)
    status_view: StatusView | None = None

    async def show_status(self, hub: Hub, address: str) -> None:
        """Shows how things are until it is cancelled, if somebody looks."""
        if self.status_view:
            await self.status_view.run(hub, address)

    def stopping(self) -> None:
        """Tells everybody that the last captions are being finished."""
        self.notifier.stopping()
        if self.status_view:
            self.status_view.stopping()
