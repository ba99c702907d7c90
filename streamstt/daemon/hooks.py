"""What the program that starts a daemon or an edge hands to it: callbacks, settings and whom to notify."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamstt.config.settings import Settings
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.hub.hub import Hub
from streamstt.progress import Progress


class StatusView(Protocol):
    """Shows the state of the daemon to a person for as long as it runs."""

    async def run(self, hub: Hub, address: str) -> None:
        """Shows the state of the hub until it is cancelled; raises nothing.

        Args:
            hub: Whose sources, viewers and notices are shown.
            address: Address of the captions page.
        """
        ...

    def stopping(self) -> None:
        """Shows that the last captions are being finished; the process may end at any moment."""
        ...


@dataclass(frozen=True, slots=True)
class DaemonHooks:
    """The callbacks of a daemon or an edge.

    Attributes:
        on_ready: Called with the address of the captions page when it can be opened.
        load_settings: Reads all layers of the configuration again; may raise ``ConfigError``.
        on_progress: Called with the progress of a model download; an edge downloads nothing.
        notifier: Connection to the service manager.
        status_view: Live view for a person at a terminal, if there is one.
    """

    on_ready: Callable[[str], None]
    load_settings: Callable[[], Settings]
    on_progress: Progress | None = None
    notifier: SystemdNotifier = field(default_factory=SystemdNotifier)
    status_view: StatusView | None = None

    async def show_status(self, hub: Hub, address: str) -> None:
        """Runs the status view, if there is one, until it is cancelled.

        Args:
            hub: Whose state is shown.
            address: Address of the captions page.
        """
        if self.status_view:
            await self.status_view.run(hub, address)

    def stopping(self) -> None:
        """Reports to the service manager and the status view that the last captions are being finished."""
        self.notifier.stopping()
        if self.status_view:
            self.status_view.stopping()
