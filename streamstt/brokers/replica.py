"""Applies a broker's entries to an edge's hub, which becomes a replica of the daemon's. Pure.

Kept entries are applied once and in order, even if the broker repeats them; a partial that comes after its final is
dropped. When the daemon is restarted, the edge's viewers are asked to reconnect, as the daemon's own are; with
``since`` they miss nothing.
"""

from collections.abc import Sequence

from streamstt.brokers.messages import EventEntry, Heartbeat, ReceivedEntry, Snapshot
from streamstt.events import Partial, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message, encode


class HubReplica:
    """Keeps one hub in step with a daemon.

    Attributes:
        online: Whether the daemon runs, by its last heartbeat or snapshot; None: not known yet.
        duplicates: Number of entries that had been applied already.
    """

    def __init__(self, hub: Hub) -> None:
        """Starts without a daemon; the first snapshot names it.

        Args:
            hub: The hub to fill; nothing else may publish to it.
        """
        self._hub = hub
        self._daemon_run: tuple[str, str] | None = None  # session, and when the daemon was started
        self._kept_seq = 0  # seq of the last kept entry
        self.online: bool | None = None
        self.duplicates = 0

    def apply(self, items: Sequence[ReceivedEntry], *, gap: bool = False) -> None:
        """Applies entries that were read together.

        Args:
            items: Entries in order. If they are of several sessions, only those of the last one are applied.
            gap: Whether entries before these were deleted unread.
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
            return  # no snapshot has named the daemon yet
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
        """Follows a new session, or one with a gap; entries before ``first`` cannot be read any more."""
        before = first.message.seq - 1 if isinstance(first, EventEntry) else _item_seq(first)
        known = self._kept_seq if snapshot.daemon_info.session == self._hub.daemon_info.session else 0
        self._mirror(snapshot, before, before if before > known else 0)
        self._kept_seq = max(before, known)

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        """Applies what a snapshot changes: the daemon's run, finals that will never be written, and the sources."""
        run = (snapshot.daemon_info.session, snapshot.daemon_info.started_at)
        if run != self._daemon_run or snapshot.forgotten > self._kept_seq:
            self._mirror(snapshot, snapshot.seq, snapshot.forgotten)
        hub = self._hub
        hub.daemon_info = snapshot.daemon_info
        names = {source.name for source in snapshot.sources}
        for removed in [source.name for source in hub.sources if source.name not in names]:
            hub.remove_source(removed)
        for source in snapshot.sources:
            hub.add_source(source)
        statuses = [m.event for m in snapshot.statuses if m.event.source in names - set(hub.states)]
        hub.relay([encode(event, hub.seq) for event in statuses])

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
        present = {source.name for source in hub.sources}
        for removed in {m.event.source for m in messages if isinstance(m.event, Status)} - present:
            hub.remove_source(removed)  # its last status came after the snapshot without it


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
