"""The reload loop that daemon and edge share: what it reads, in which order it acts, and what an error leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from streamstt.config.changes import Changes
from streamstt.config.settings import ServerSettings, Settings, SpeechSettings
from streamstt.daemon.hooks import DaemonHooks
from streamstt.daemon.reload import Reloader
from streamstt.daemon.systemd import SystemdNotifier
from streamstt.errors import ConfigError
from streamstt.hub.hub import Hub
from tests.support.captions import make_hub


class RecordingNotifier(SystemdNotifier):
    """Notes what a service manager is sent."""

    def __init__(self, sent: list[str]) -> None:
        super().__init__()
        self._sent = sent

    def ready(self) -> None:
        self._sent.append("ready")

    def reloading(self) -> None:
        self._sent.append("reloading")


class Process:
    """A process with one hub that can be reloaded, and a record of what happens to it."""

    def __init__(self, load_settings: Callable[[], Settings]) -> None:
        self.record: list[str] = []
        self.applied: list[Changes] = []
        self.hub: Hub = make_hub()
        self.refusal: ConfigError | None = None
        hooks = DaemonHooks(lambda _: None, load_settings, notifier=RecordingNotifier(self.record))
        self._reloader = Reloader(Settings(), hooks, self.hub, self._apply)

    async def _apply(self, changes: Changes) -> None:
        if self.refusal:
            raise self.refusal
        self.record.append("applied")
        self.applied.append(changes)

    @asynccontextmanager
    async def reload(self) -> AsyncIterator[None]:
        """Requests a reload, and is entered when it is over."""
        requested = asyncio.Event()
        requested.set()
        running = asyncio.create_task(self._reloader.run(requested))
        before = self.record.count("ready")
        async with asyncio.timeout(10):
            while self.record.count("ready") == before:  # noqa: ASYNC110 - the loop reads in a thread
                await asyncio.sleep(0.001)
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    @property
    def notices(self) -> list[str]:
        return [notice.text for notice in self.hub.notices]


NEW = Settings(server=ServerSettings(history=7, port=1), speech=SpeechSettings(update_ms=700))


async def test_new_settings_are_applied() -> None:
    """The manager learns of the reload before and after; what can change is applied, and compared next time."""
    process = Process(lambda: NEW)
    async with process.reload():
        assert process.record == ["reloading", "applied", "ready"]
    (first,) = process.applied
    assert set(first.live) == {"server.history", "speech.update_ms"}
    assert first.needs_restart == ("server.port",)
    async with process.reload():
        assert process.applied[1].live == (), "they are in force now"
    assert process.notices == []


async def test_the_hub_gets_its_limits() -> None:
    """The hub keeps as many finals as the new settings say, at a daemon and at an edge alike."""
    process = Process(lambda: NEW)
    limits: list[dict[str, int]] = []
    process.hub.set_limits = lambda **named: limits.append(named)  # type: ignore[method-assign]
    async with process.reload():
        pass
    server = NEW.server
    assert limits == [{"history": 7, "hello_history": server.hello_history, "queue": server.client_queue}]


@pytest.mark.parametrize("where", ["reading", "applying"])
async def test_an_error_changes_nothing(where: str) -> None:
    """Whether the file or a part refuses: a notice says so, the old settings stay, and it is over with the next."""
    broken = True

    def load() -> Settings:
        if broken and where == "reading":
            raise ConfigError("the configuration has one mistake")
        return NEW

    process = Process(load)
    process.refusal = ConfigError("the model does not know it") if where == "applying" else None
    async with process.reload():
        assert process.record == ["reloading", "ready"]
        assert process.notices == ["The new settings have errors; the old ones stay in force."]
    broken, process.refusal = False, None
    async with process.reload():
        assert process.notices == []
    assert set(process.applied[0].live) == {"server.history", "speech.update_ms"}
