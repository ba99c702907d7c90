"""From what a broker has to an edge's hub, in which everything is as in the daemon's own. Pure.

What is kept comes once and in order, whatever the broker repeats; a partial that is overtaken is dropped. A run of the
daemon that ends makes viewers come back, as they do when they are connected to it: with ``since`` they miss nothing.
"""

from collections.abc import Sequence

from streamstt.brokers.messages import Item, Online, Said, Snapshot
from streamstt.events import Partial, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message, encode


class Relay:
    """Fills one hub.

    Attributes:
        online: What the daemon last said of itself; None: nothing yet.
        repeated: Entries that had come already.
    """

    def __init__(self, hub: Hub) -> None:
        """Knows of no daemon yet.

        Args:
            hub: Nobody else publishes in it.
        """
        self._hub = hub
        self._run: tuple[str, str] | None = None  # session and beginning
        self._kept = 0  # seq of the last entry that the broker keeps
        self.online: bool | None = None
        self.repeated = 0

    def take(self, items: Sequence[Item], *, gap: bool = False) -> None:
        """Passes on what came together.

        Args:
            items: In their order. If there are several runs of the daemon in it, only the last one's session counts.
            gap: What was between this and what came before is gone.
        """
        snapshots = [item for item in items if isinstance(item, Snapshot)]
        if gap:
            self._run = None
        if snapshots:
            session = snapshots[-1].about.session
            items = [item for item in items if _session(item) == session]
            if self._run is None or self._run[0] != session:
                self._begin(items[0], next(s for s in items if isinstance(s, Snapshot)))
        if self._run is None:
            return  # nobody has said yet whose this is
        messages: list[Message] = []
        for item in items:
            match item:
                case Online():
                    self.online = item.online
                case Said() if item.session == self._run[0] and self._is_news(item.message):
                    messages.append(item.message)
                case Snapshot():
                    self._deliver(messages)
                    messages = []
                    self._look(item)
        self._deliver(messages)

    def _begin(self, first: Item, snapshot: Snapshot) -> None:
        """A daemon that is not known yet, or no longer; what it said before the first entry cannot be had."""
        before = first.message.seq - 1 if isinstance(first, Said) else _seq(first)
        known = self._kept if snapshot.about.session == self._hub.daemon_info.session else 0
        self._stand_for(snapshot, before, before if before > known else 0)
        self._kept = max(before, known)

    def _look(self, snapshot: Snapshot) -> None:
        """A snapshot: a new run of the daemon, captions that will never come, or sources that came or went."""
        run = (snapshot.about.session, snapshot.about.started_at)
        if run != self._run or snapshot.forgotten > self._kept:
            self._stand_for(snapshot, snapshot.seq, snapshot.forgotten)
        hub = self._hub
        hub.daemon_info = snapshot.about
        names = {source.name for source in snapshot.sources}
        for gone in [source.name for source in hub.sources if source.name not in names]:
            hub.remove_source(gone)
        for source in snapshot.sources:
            hub.add_source(source)
        states = [m.event for m in snapshot.states if m.event.source in names - set(hub.states)]
        hub.relay([encode(event, hub.seq) for event in states])

    def _stand_for(self, snapshot: Snapshot, seq: int, forgotten: int) -> None:
        self._hub.mirror(snapshot.about, snapshot.sources, seq, forgotten)
        self._run = (snapshot.about.session, snapshot.about.started_at)
        self.online = True

    def _is_news(self, message: Message) -> bool:
        if isinstance(message.event, Partial):
            return message.seq > max(self._hub.seq, self._kept)
        if message.seq <= self._kept:
            self.repeated += 1
            return False
        self._kept = message.seq
        return True

    def _deliver(self, messages: Sequence[Message]) -> None:
        hub = self._hub
        hub.relay(messages)
        here = {source.name for source in hub.sources}
        for gone in {m.event.source for m in messages if isinstance(m.event, Status)} - here:
            hub.remove_source(gone)  # its last word came behind the news that it has left


def _session(item: Item) -> str:
    match item:
        case Snapshot():
            return item.about.session
        case Online():
            return item.place.session
    return item.session


def _seq(item: Item) -> int:
    match item:
        case Snapshot():
            return item.seq
        case Online():
            return item.place.seq
    return item.message.seq
