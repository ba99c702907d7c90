"""The hub of captions: numbers events, keeps finals, and has a queue of messages for each subscriber.

Knows neither the network nor the disk: subscribers send and store.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from streamstt.clock import Clock
from streamstt.events import Event, Final, Partial, Revised, State, Word
from streamstt.hub.counters import Counters
from streamstt.hub.history import History, Resume
from streamstt.hub.levels import Levels
from streamstt.hub.protocol import ClientError, DaemonInfo, EngineState, Message, SourceInfo, make_hello
from streamstt.hub.revisions import Correction, conceal, make_revision, make_second_look, was_made_for
from streamstt.hub.source_registry import SourceRegistry
from streamstt.hub.source_status import Notice, SourceStatuses
from streamstt.hub.subscription import DONE, RESTARTED, STOPPING, TOO_SLOW, CloseReason, Subscription
from streamstt.hub.write_ahead import WriteAhead

__all__ = ["DONE", "STOPPING", "TOO_SLOW", "CloseReason", "Hub", "Subscription"]


class Hub:
    """Publishes captions and the state of sources to all subscribers.

    Attributes:
        daemon_info: Description of the daemon in ``hello``.
        counters: The metrics.
        engine_state: How the engine does; None: it is not watched, or there is none.
        levels: Level of each source, for subscribers that ask for it.
        seq: Number of the last event that was published.
    """

    def __init__(
        self,
        daemon_info: DaemonInfo,
        *,
        history: int,
        hello_history: int,
        queue: int,
        sources: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Starts with nothing published.

        Args:
            daemon_info: Description of the daemon in ``hello``.
            history: Finals kept for clients that reconnect; older ones are dropped, and ``hello`` says so.
            hello_history: Finals in the ``hello`` of a new client.
            queue: Messages that may wait for one subscriber.
            sources: Names of sources that have their own label in the metrics.
            clock: Tells the time of finals; None: a clock that starts now.
        """
        self.daemon_info = daemon_info
        self.engine_state: EngineState | None = None
        self._registry = SourceRegistry(clock or Clock())
        self.levels = Levels()
        self._queue = queue
        self.seq = 0
        self._delivered_seq = 0  # of the last event that was put into the queues
        self._write_ahead: WriteAhead | None = None
        self._history = History(history, hello_history)
        self._is_replica = False  # of another hub, which numbers the events
        self._finished = False
        self._subscriptions: set[Subscription] = set()
        self._open_partials: dict[str, Message] = {}  # by source
        self._source_statuses = SourceStatuses()
        self.counters = Counters(sources)
        self._add_gauges()

    def _add_gauges(self) -> None:
        counters = self.counters
        counters.set_info(self.daemon_info)
        counters.add_gauge("viewers", "Viewers now.", lambda: self.viewers)
        counters.add_gauge("notices", "Notices in force; /healthz lists them.", lambda: len(self.notices))
        text = "1 while a source's device is missing."
        counters.add_gauges("source_missing", text, "source", self._count_missing)

    def _count_missing(self) -> dict[str, float]:
        """Returns 1 for the label of each missing source, 0 for the others."""
        missing = dict.fromkeys(map(self.counters.source_label, self.states), 0.0)
        return missing | dict.fromkeys(map(self.counters.source_label, self.missing_sources), 1.0)

    def set_daemon_info(self, daemon_info: DaemonInfo) -> None:
        """Replaces the description of the daemon, for clients that connect from now on and for the metrics."""
        self.daemon_info = daemon_info
        self.counters.set_info(daemon_info)

    @property
    def finals(self) -> list[Message]:
        """The finals in the history that are captions, as viewers have received them, oldest first.

        Hidden ones are among them, without text.
        """
        past = self._history.finals_up_to(self._delivered_seq)
        return [m for m in past if isinstance(m.event, Final) and (m.event.text or m.data.get("hidden"))]

    @property
    def finals_version(self) -> tuple[str, int, int]:
        """Session, and two numbers that change whenever ``finals`` does."""
        return self.daemon_info.session, *self._history.version(self._delivered_seq)

    @property
    def forgotten_seq(self) -> int:
        """Number of the newest final that is no longer in the history; 0: all are."""
        return self._history.forgotten_seq

    def recent_captions(self, count: int, since: int = 0) -> list[Final | Partial]:
        """Returns the newest finals with text, oldest first, then the open partials.

        Args:
            count: Number of finals.
            since: Only finals with a higher number.
        """
        delivered = (m.event for m in reversed(self._history.finals_up_to(self._delivered_seq)) if since < m.seq)
        finals = list(islice((e for e in delivered if isinstance(e, Final) and e.text), count))
        open_partials = [m.event for m in self._open_partials.values() if m.seq <= self._delivered_seq]
        return [*reversed(finals), *(e for e in open_partials if isinstance(e, Partial))]

    @property
    def sources(self) -> list[SourceInfo]:
        """The present sources."""
        return self._registry.infos

    @property
    def session_clock(self) -> Clock:
        """Tells the time of finals."""
        return self._registry.session_clock

    @property
    def viewers(self) -> int:
        """Number of clients that subscribe to all sources."""
        return sum(subscription.is_viewer for subscription in self._subscriptions)

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return self._source_statuses.states

    @property
    def statuses(self) -> list[Message]:
        """The last status of each source, with its notices."""
        return self._source_statuses.messages

    @property
    def missing_sources(self) -> list[str]:
        """Names of the sources whose device is missing."""
        return [
            name for name, state in self.states.items() if state is State.LOST or name in self._registry.pending_devices
        ]

    @property
    def notices(self) -> list[Notice]:
        """All notices in force."""
        return self._source_statuses.notices

    def status_detail(self, source: str) -> str:
        """Returns the detail of a source's last status, without notices."""
        return self._source_statuses.detail(source)

    def set_limits(self, *, history: int, hello_history: int, queue: int) -> None:
        """Sets new bounds; present subscribers keep their queues."""
        self._history.set_limits(history, hello_history)
        self._queue = queue

    def notify(self, topic: str, text: str, source: str = "") -> None:
        """Sets or clears a notice.

        Unless it is for the operator only (``OPERATOR_TOPICS``), it is part of the ``detail`` of a source's status,
        which is published again.

        Args:
            topic: What it is about; a new text replaces the last one.
            text: A sentence for people; empty clears the notice.
            source: Name of the source; empty: every source.
        """
        for status in self._source_statuses.set_notice(topic, text, source):
            if self._is_replica:
                self.relay([self._registry.encode(status, self.seq)])
            else:
                self.publish(status)

    def restore(
        self, finals: Sequence[Message], seq: int, forgotten_seq: int, revisions: Sequence[Message] = ()
    ) -> None:
        """Continues where an earlier run ended.

        Args:
            finals: The finals that it published, oldest first; the newest are kept.
            seq: Number of the last event that it published.
            forgotten_seq: ``seq`` of the newest final that is lost; 0: none is.
            revisions: The last revision of each final that was revised, oldest first.
        """
        self._history.restore(finals, forgotten_seq, revisions)
        self.seq = self._delivered_seq = seq

    def mirror(self, daemon_info: DaemonInfo, sources: Iterable[SourceInfo], seq: int, forgotten_seq: int) -> None:
        """Becomes a replica of another daemon's hub, at the start of each of its runs; asks all clients to reconnect.

        Args:
            daemon_info: The other daemon; if it has another session, the history is cleared.
            sources: Its sources.
            seq: Number of the last event that it published.
            forgotten_seq: ``seq`` of the newest final that is not available; 0: all are.
        """
        if daemon_info.session != self.daemon_info.session:
            self._history.clear()
            self.seq = self._delivered_seq = seq
        self._history.forgotten_seq = max(forgotten_seq, self._history.forgotten_seq)
        for source in self.sources:
            self.remove_source(source.name)
        self.daemon_info, self._is_replica = daemon_info, True
        self.counters.set_info(daemon_info)
        self._open_partials.clear()
        self._registry.replace_all(sources)
        for subscription in self._subscriptions:
            subscription.finish(RESTARTED)

    def set_device_pending(self, source: str, pending: bool) -> None:
        """Sets whether the device of a source is waited for: it has not been available since the start.

        Args:
            source: Name of the source.
            pending: Whether its device is missing; until it comes, the source counts as missing.
        """
        if pending:
            self._registry.pending_devices.add(source)
        else:
            self._registry.pending_devices.discard(source)

    def add_source(self, info: SourceInfo, time_of: Callable[[float], float] | None = None) -> None:
        """Adds a source; every later ``hello`` names it; arguments as for ``SourceRegistry.add``."""
        self._registry.add(info, time_of)

    def start_source(self, name: str, started_at: str) -> None:
        """Sets the wall time of the source's stream time 0."""
        self._registry.start(name, started_at)

    def remove_source(self, name: str) -> None:
        """Removes a source that has ended; its finals stay in the history."""
        self._registry.remove(name)
        self._open_partials.pop(name, None)
        self._source_statuses.remove_source(name)
        self.levels.remove_source(name)

    def publish(self, *events: Event) -> None:
        """Numbers events and puts them into every queue; never waits.

        Events of one call are delivered together: each client is written to once.
        """
        if not events:
            return  # most blocks of audio change nothing
        self._put([self._make_message(event) for event in events])

    def revise(self, correction: Correction) -> Message:
        """Corrects, hides or stars a final of the history; returns the message that all subscribers receive.

        Raises:
            ClientError: There is no such final, or it was revised since the request was made.
        """
        found = self._history.find(correction.caption_id, self._delivered_seq)
        if not found:
            hint = "it has to be final, and among the captions that the daemon keeps (server.history)"
            raise ClientError("unknown_caption", f"no caption {correction.caption_id!r} can be revised: {hint}")
        final, current = found
        if not was_made_for(correction.rev, final, current):
            raise ClientError("conflict", "this caption has just been revised by somebody else")
        self.seq += 1
        message = self._update_state(make_revision(final, current, correction, self.seq))
        self._put([message])
        return message

    def take_second_look(self, better: Iterable[tuple[str, str, Sequence[Word]]]) -> int:
        """Publishes finals that were heard again, unless people have changed them, or they have left the history.

        Args:
            better: For each final its id, its text and its words.

        Returns:
            How many were published.
        """
        messages: list[Message] = []
        for caption_id, text, words in better:
            found = self._history.find(caption_id, self._delivered_seq)
            if found and (message := make_second_look(*found, text, words, self.seq + 1)):
                self.seq += 1
                messages.append(self._update_state(message))
        if messages:
            self._put(messages)
        return len(messages)

    def published_since(self, since: int) -> list[Message]:
        """Returns the finals as they were recognized, and the last revision of each, with a higher number, in order."""
        return self._history.published_since(since, self._delivered_seq)

    def _put(self, messages: Sequence[Message]) -> None:
        if self._write_ahead:
            self._write_ahead.put(messages)
        else:
            self._deliver(messages)

    def relay(self, messages: Sequence[Message]) -> None:
        """Delivers messages that another hub has numbered; the caller passes each once, and in order."""
        updated = [self._update_state(m) for m in messages]
        if updated:
            self.seq = max(self.seq, updated[-1].seq)
            self._deliver(updated)

    def enable_write_ahead(self, store: Callable[[Message], bool]) -> WriteAhead:
        """Stores finals before they are delivered; ``store`` as for ``WriteAhead``."""
        self._write_ahead = WriteAhead(store, self._deliver)
        return self._write_ahead

    async def flush(self) -> None:
        """Returns when all published events are in the queues."""
        if self._write_ahead:
            await self._write_ahead.wait_flushed()

    def _deliver(self, messages: Sequence[Message]) -> None:
        self._delivered_seq = max(self._delivered_seq, messages[-1].seq)
        concealed = [conceal(message) for message in messages]
        for subscription in self._subscriptions:
            subscription.put(messages if subscription.sees_hidden else concealed)

    def _make_message(self, event: Event) -> Message:
        self.seq += 1
        return self._update_state(self._registry.encode(event, self.seq))

    def _update_state(self, message: Message) -> Message:
        """Keeps the state that later clients need; returns the message as it is delivered."""
        message = self._source_statuses.update(message)
        event = message.event
        self.counters.count_event(event)
        match event:
            case Partial():
                self._open_partials[event.source] = message
            case Final():
                self._open_partials.pop(event.source, None)
                self._history.add(message)
            case Revised():
                self._history.add_revision(message, self._delivered_seq)
        return message

    @contextmanager
    def subscribe(
        self,
        resume: Resume | None = None,
        *,
        source: str | None = None,
        queue: int = 0,
        counted: bool = True,
        control: bool = False,
        revised: bool = True,
    ) -> Iterator[Subscription]:
        """Opens a queue that begins with ``hello`` and the present state, and receives all that is published.

        Args:
            resume: What the subscriber has received before; None: it is new.
            source: Deliver this source only, without history; None: all sources.
            queue: Messages that may wait; 0: the hub's bound.
            counted: Whether it is a client; parts of the daemon are not counted.
            control: Whether the subscriber may revise captions; it also receives the text of hidden ones.
            revised: Whether it receives revisions.
        """
        resume = resume or Resume()
        if self._is_replica and resume.session == self.daemon_info.session and resume.since is not None:
            # A client that comes from the daemon itself may be ahead of its replica.
            resume = replace(resume, since=min(resume.since, self._delivered_seq))
        sees_hidden = control or not counted
        subscription = Subscription(
            queue or self._queue, source, counted=counted, sees_hidden=sees_hidden, takes_revisions=revised
        )
        # Not kept in a variable, which would live as long as the subscription: a long history, for each client.
        subscription.put_private(self._hello(source, replace(resume, revised=revised), control=control))
        subscription.put(self._present_state())
        self._subscriptions.add(subscription)
        if self._finished:
            subscription.finish(STOPPING)
        if counted:
            (self.counters.viewers if source is None else self.counters.speakers).inc()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            self.counters.too_slow.inc(subscription.close_reason is TOO_SLOW)

    def _hello(self, source: str | None, resume: Resume, *, control: bool) -> str:
        if source is None:
            return self._history.hello_message(
                self.daemon_info, self.sources, self._delivered_seq, resume, control=control, engine=self.engine_state
            )
        return make_hello(self.daemon_info, [s for s in self.sources if s.name == source], self._delivered_seq, [])

    def _present_state(self) -> list[Message]:
        """Returns the last status and the open partial of each source, as far as they are delivered, in order."""
        state = [m for m in (*self.statuses, *self._open_partials.values()) if m.seq <= self._delivered_seq]
        return sorted(state, key=lambda m: m.seq)

    def finish(self) -> None:
        """Ends all subscriptions, also later ones: each subscriber gets what waits, then nothing more."""
        self._finished = True
        for subscription in self._subscriptions:
            subscription.finish(STOPPING)
