"""Numbers events, remembers finals, and gives every subscriber its own queue, so that none delays another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from streamstt.events import Event, Final, Partial, State, Status
from streamstt.hub.counters import Counters
from streamstt.hub.history import History, Resume
from streamstt.hub.levels import Levels
from streamstt.hub.protocol import DaemonInfo, Message, SourceInfo, encode, make_hello, wall_time
from streamstt.hub.source_status import Notice, SourceStatuses
from streamstt.hub.subscription import DONE, RESTARTED, STOPPING, TOO_SLOW, CloseReason, Subscription
from streamstt.hub.write_ahead import WriteAhead
from streamstt.subtitles.timeline import align_captions

__all__ = ["DONE", "STOPPING", "TOO_SLOW", "CloseReason", "Hub", "Subscription"]


class Hub:
    """The one place where captions are published.

    Attributes:
        daemon_info: What ``hello`` says of the daemon.
        counters: What was published, and to how many.
        levels: How loud each source is, for those who ask.
    """

    def __init__(
        self, daemon_info: DaemonInfo, *, history: int, hello_history: int, queue: int, sources: Iterable[str] = ()
    ) -> None:
        """Starts with nothing published.

        Args:
            daemon_info: What ``hello`` says of the daemon.
            history: Finals kept for clients that come back; older ones are forgotten, and ``make_hello`` says so.
            hello_history: Finals that a new client is greeted with.
            queue: Messages that may wait for one subscriber.
            sources: Names of sources that are counted apart.
        """
        self.daemon_info = daemon_info
        self.counters = Counters(sources)
        self._pending_devices: set[str] = set()  # names of sources
        self.levels = Levels()
        self._queue = queue
        self.seq = 0  # of the last event that was published
        self._delivered_seq = 0  # seq of the last event that subscribers have, or that waits for them
        self._write_ahead: WriteAhead | None = None
        self._history = History(history, hello_history)
        self._is_replica = False  # numbers are another hub's
        self._finished = False
        self._subscriptions: set[Subscription] = set()
        self._sources: dict[str, SourceInfo] = {}
        self._open_partials: dict[str, Message] = {}  # each source's open partial
        self._source_statuses = SourceStatuses()

    @property
    def finals(self) -> list[Final]:
        """The finals in history, oldest first, on one line of time, without those that took a partial back."""
        past = self._history.finals_up_to(self._delivered_seq)
        return align_captions([(m.event, m.at) for m in past if isinstance(m.event, Final) and m.event.text])

    def recent_captions(self, count: int, since: int = 0) -> list[Final | Partial]:
        """The newest finals with words that came after number ``since``, oldest first, then the open partials."""
        told = (m.event for m in reversed(self._history.finals_up_to(self._delivered_seq)) if since < m.seq)
        finals = list(islice((e for e in told if isinstance(e, Final) and e.text), count))
        begun = [m.event for m in self._open_partials.values() if m.seq <= self._delivered_seq]
        return [*reversed(finals), *(e for e in begun if isinstance(e, Partial))]

    @property
    def sources(self) -> list[SourceInfo]:
        """Those that are here now."""
        return list(self._sources.values())

    @property
    def viewers(self) -> int:
        """How many follow all sources now."""
        return sum(outbox.is_viewer for outbox in self._subscriptions)

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return self._source_statuses.states

    @property
    def statuses(self) -> list[Message]:
        """The last status of each source, as viewers have it."""
        return self._source_statuses.messages

    @property
    def missing_sources(self) -> list[str]:
        """Names of the sources from which no audio can come now."""
        return [name for name, state in self.states.items() if state is State.LOST or name in self._pending_devices]

    @property
    def notices(self) -> list[Notice]:
        """What is wrong now."""
        return self._source_statuses.notices

    def status_detail(self, source: str) -> str:
        """What there is to say of a source's state, without notices."""
        return self._source_statuses.detail(source)

    def set_limits(self, *, history: int, hello_history: int, queue: int) -> None:
        """Sets the bounds anew; those who are here keep their queues."""
        self._history.set_limits(history, hello_history)
        self._queue = queue

    def notify(self, topic: str, text: str, source: str = "") -> None:
        """Adds a sentence to the ``detail`` of a source's status, or of every source's, and publishes it.

        Args:
            topic: What it is about; a new text replaces the last one.
            text: A sentence for people; empty: it is over.
            source: Name of the source; empty: every source.
        """
        for status in self._source_statuses.set_notice(topic, text, source):
            self.relay([self._encode(status)]) if self._is_replica else self.publish(status)

    def restore(self, finals: Sequence[Message], seq: int, forgotten_seq: int) -> None:
        """Goes on where an earlier run ended.

        Args:
            finals: What it published, oldest first; as many as history takes are kept.
            seq: Numbers go on above it.
            forgotten_seq: ``seq`` of the newest final that is gone; 0: none is.
        """
        self._history.restore(finals, forgotten_seq)
        self.seq = self._delivered_seq = seq

    def mirror(self, daemon_info: DaemonInfo, sources: Iterable[SourceInfo], seq: int, forgotten_seq: int) -> None:
        """Becomes a copy of another daemon's hub as a run of it begins; every client is asked to come back.

        Args:
            daemon_info: The other daemon. If it is of another session, what is in history is of no use any more.
            sources: Its sources.
            seq: What it publishes next has a higher number.
            forgotten_seq: ``seq`` of the newest final that cannot be had; 0: all can.
        """
        if daemon_info.session != self.daemon_info.session:
            self._history.clear()
            self.seq = self._delivered_seq = seq
        self._history.forgotten_seq = max(forgotten_seq, self._history.forgotten_seq)
        for name in list(self._sources):
            self.remove_source(name)
        self.daemon_info, self._is_replica = daemon_info, True
        self._open_partials.clear()
        self._sources = {source.name: source for source in sources}
        for outbox in self._subscriptions:
            outbox.finish(RESTARTED)

    def set_device_pending(self, source: str, pending: bool) -> None:
        """Sets whether the device of a source is still waited for: it has not been there since the start.

        Args:
            source: Name of the source.
            pending: Whether its device is missing; until it comes, the source counts as missing.
        """
        if pending:
            self._pending_devices.add(source)
        else:
            self._pending_devices.discard(source)

    def add_source(self, info: SourceInfo) -> None:
        """Names a source in every ``make_hello`` from now on."""
        self._sources[info.name] = info

    def start_source(self, name: str, started_at: str) -> None:
        """Sets the wall time of the source's stream time 0."""
        self._sources[name] = replace(self._sources[name], started_at=started_at)

    def remove_source(self, name: str) -> None:
        """Forgets a source that has ended; its finals stay in history."""
        for known in (self._sources, self._open_partials):
            known.pop(name, None)
        self._source_statuses.remove_source(name)
        self.levels.remove_source(name)
        self._pending_devices.discard(name)

    def publish(self, *events: Event) -> None:
        """Numbers events and puts them into every queue; never waits.

        What happens at once is published at once: each client is written to once, however many events there are.
        """
        if not events:
            return  # as for most blocks of audio
        messages = [self._make_message(event) for event in events]
        if self._write_ahead:
            self._write_ahead.put(messages)
        else:
            self._deliver(messages)

    def relay(self, messages: Sequence[Message]) -> None:
        """Passes on what another hub has numbered; the caller sees to it that it is in order, and comes once."""
        mine = [self._update_state(m) for m in messages]
        if mine:
            self.seq = max(self.seq, mine[-1].seq)
            self._deliver(mine)

    def enable_write_ahead(self, store: Callable[[Message], bool]) -> WriteAhead:
        """Has finals written before anybody gets them; ``store`` as for ``WriteAhead``."""
        self._write_ahead = WriteAhead(store, self._deliver)
        return self._write_ahead

    async def flush(self) -> None:
        """Returns when all that is published waits for the subscribers, or is with them."""
        if self._write_ahead:
            await self._write_ahead.wait_flushed()

    def _deliver(self, messages: Sequence[Message]) -> None:
        self._delivered_seq = max(self._delivered_seq, messages[-1].seq)
        for outbox in self._subscriptions:
            outbox.put(messages)

    def _make_message(self, event: Event) -> Message:
        self.seq += 1
        return self._update_state(self._encode(event))

    def _encode(self, event: Event) -> Message:
        source = self._sources.get(event.source)
        at = wall_time(source.started_at, event.start) if source and isinstance(event, Final) else ""
        label = source.label if source and isinstance(event, Status) else ""  # one that came after a client's hello
        return encode(event, self.seq, at=at, label=label)

    def _update_state(self, message: Message) -> Message:
        """Keeps what a client that comes later has to know; the message as it is told."""
        message = self._source_statuses.update(message)
        event = message.event
        self.counters.count_event(event)
        match event:
            case Partial():
                self._open_partials[event.source] = message
            case Final():
                self._open_partials.pop(event.source, None)
                self._history.add(message)
        return message

    @contextmanager
    def subscribe(
        self, resume: Resume | None = None, *, source: str | None = None, queue: int = 0, counted: bool = True
    ) -> Iterator[Subscription]:
        """A queue that begins with ``make_hello`` and the present state, and gets all that is published while it is open.

        Args:
            resume: What the subscriber has seen already; None: it is new.
            source: It wants this source only, and no history.
            queue: In place of the hub's bound.
            counted: False: a part of the daemon, which is not counted.
        """
        resume = resume or Resume()
        if self._is_replica and resume.session == self.daemon_info.session and resume.since is not None:
            resume = replace(
                resume, since=min(resume.since, self._delivered_seq)
            )  # it may have been closer to the source
        outbox = Subscription(queue or self._queue, source, counted=counted)
        if source is None:
            outbox.put_private(self._history.hello_message(self.daemon_info, self.sources, self._delivered_seq, resume))
        else:
            outbox.put_private(
                make_hello(self.daemon_info, [s for s in self.sources if s.name == source], self._delivered_seq, [])
            )
        present = [m for m in (*self.statuses, *self._open_partials.values()) if m.seq <= self._delivered_seq]
        outbox.put(sorted(present, key=lambda m: m.seq))
        self._subscriptions.add(outbox)
        if self._finished:
            outbox.finish(STOPPING)
        if counted:
            self.counters.count_connection(viewer=source is None)
        try:
            yield outbox
        finally:
            self._subscriptions.discard(outbox)
            self.counters.too_slow += outbox.close_reason is TOO_SLOW

    def finish(self) -> None:
        """The daemon stops: every queue runs dry, also of those that subscribe now."""
        self._finished = True
        for outbox in self._subscriptions:
            outbox.finish(STOPPING)
