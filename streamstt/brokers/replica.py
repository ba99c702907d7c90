"""From what a broker has to an edge's hub, in which everything is as in the daemon's own. Pure.

What is kept comes once and in order, whatever the broker repeats; a partial that is overtaken is dropped. A run of the
daemon that ends makes viewers come back, as they do when they are connected to it: with ``since`` they miss nothing.
"""

from collections.abc import Sequence

from streamstt.brokers.messages import EventEntry, Heartbeat, ReceivedEntry, Snapshot
from streamstt.events import Partial, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message, encode


class HubReplica:
    """Fills one hub.

    Attributes:
        online: What the daemon last said of itself; None: nothing yet.
        duplicates: Entries that had come already.
    """

    def __init__(self, hub: Hub) -> None:
        """Knows of no daemon yet.

        Args:
            hub: Nobody else publishes in it.
        """
        self._hub = hub
        self._daemon_run: tuple[str, str] | None = None  # session and beginning
        self._kept_seq = 0  # seq of the last entry that the broker keeps
        self.online: bool | None = None
        self.duplicates = 0

    def apply(self, items: Sequence[ReceivedEntry], *, gap: bool = False) -> None:
        """Passes on what came together.

        Args:
            items: In their order. If there are several runs of the daemon in it, only the last one's session counts.
            gap: What was between this and what came before is gone.
        """
        snapshots = [item for item in items if isinstance(item, Snapshot)]
        if gap:
            self._daemon_run = None
        if snapshots:
            session = snapshots[-1].daemon_info.session
            items = [item for item in items if _item_session(item) == session]
            if self._daemon_run is None or self._daemon_run[0] != session:
                self._start_session(items[0], next(s for s in items if isinstance(s, Snapshot)))
        if self._daemon_run is None:
            return  # nobody has said yet whose this is
        messages: list[Message] = []
        for item in items:
            match item:
                case Heartbeat():
                    self.online = item.online
                case EventEntry() if item.session == self._daemon_run[0] and self._is_new(item.message):
                    messages.append(item.message)
                case Snapshot():
                    self._relay(messages)
                    messages = []
                    self._apply_snapshot(item)
        self._relay(messages)

    def _start_session(self, first: ReceivedEntry, snapshot: Snapshot) -> None:
        """A daemon that is not known yet, or no longer; what it said before the first entry cannot be had."""
        before = first.message.seq - 1 if isinstance(first, EventEntry) else _item_seq(first)
        known = self._kept_seq if snapshot.daemon_info.session == self._hub.daemon_info.session else 0
        self._mirror(snapshot, before, before if before > known else 0)
        self._kept_seq = max(before, known)

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        """A snapshot: a new run of the daemon, captions that will never come, or sources that came or went."""
        run = (snapshot.daemon_info.session, snapshot.daemon_info.started_at)
        if run != self._daemon_run or snapshot.forgotten > self._kept_seq:
            self._mirror(snapshot, snapshot.seq, snapshot.forgotten)
        hub = self._hub
        hub.daemon_info = snapshot.daemon_info
        names = {source.name for source in snapshot.sources}
        for gone in [source.name for source in hub.sources if source.name not in names]:
            hub.remove_source(gone)
        for source in snapshot.sources:
            hub.add_source(source)
        states = [m.event for m in snapshot.statuses if m.event.source in names - set(hub.states)]
        hub.relay([encode(event, hub.seq) for event in states])

    def _mirror(self, snapshot: Snapshot, seq: int, forgotten: int) -> None:
        self._hub.mirror(snapshot.daemon_info, snapshot.sources, seq, forgotten)
        self._daemon_run = (snapshot.daemon_info.session, snapshot.daemon_info.started_at)
        self.online = True

    def _is_new(self, message: Message) -> bool:
        if isinstance(message.event, Partial):
            return message.seq > max(self._hub.seq, self._kept_seq)
        if message.seq <= self._kept_seq:
            self.duplicates += 1
            return False
        self._kept_seq = message.seq
        return True

    def _relay(self, messages: Sequence[Message]) -> None:
        hub = self._hub
        hub.relay(messages)
        here = {source.name for source in hub.sources}
        for gone in {m.event.source for m in messages if isinstance(m.event, Status)} - here:
            hub.remove_source(gone)  # its last word came behind the news that it has left


def _item_session(item: ReceivedEntry) -> str:
    match item:
        case Snapshot():
            return item.daemon_info.session
        case Heartbeat():
            return item.position.session
    return item.session


def _item_seq(item: ReceivedEntry) -> int:
    match item:
        case Snapshot():
            return item.seq
        case Heartbeat():
            return item.position.seq
    return item.message.seq
