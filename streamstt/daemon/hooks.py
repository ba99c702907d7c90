"""Who starts the daemon, and whom it tells how it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamstt.config.settings import Settings
from streamstt.daemon.systemd import Manager
from streamstt.hub.hub import Hub
from streamstt.progress import Progress


class Onlooker(Protocol):
    """Shows a person how the daemon is, for as long as it runs."""

    async def run(self, hub: Hub, address: str) -> None:
        """Looks at the hub until it is cancelled; raises nothing."""
        ...

    def stopping(self) -> None:
        """The last captions are being finished; the process may end at any moment."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who starts the daemon, and what it tells them.

    Attributes:
        ready: Called with the address of the captions page when it can be opened.
        reload: Reads the settings again.
        progress: Told how far a model download is.
        manager: The service manager.
        onlooker: A person in front of a terminal, if there is one.
    """

    ready: Callable[[str], None]
    reload: Callable[[], Settings]
    progress: Progress | None = None
    manager: Manager = field(default_factory=Manager)
    onlooker: Onlooker | None = None

    async def watch(self, hub: Hub, address: str) -> None:
        """Shows how things are until it is cancelled, if somebody looks."""
        if self.onlooker:
            await self.onlooker.run(hub, address)

    def stopping(self) -> None:
        """Tells everybody that the last captions are being finished."""
        self.manager.stopping()
        if self.onlooker:
            self.onlooker.stopping()
