"""Numbers events, remembers finals, and gives every subscriber its own queue, so that none delays another."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from streamstt.serve.notices import Notices
from streamstt.serve.protocol import About, Message, Resume, SourceInfo, encode, hello
from streamstt.speech.captions import Event, Final, Partial, State, Status


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a subscription ends, as a WebSocket says it."""

    code: int
    reason: str = ""


DONE = Farewell(1000)
STOPPING = Farewell(1001, "the daemon stops")
TOO_SLOW = Farewell(1013, "too slow: resume with since")


class Outbox:
    """What waits for one subscriber: every final, status and gap, and only the newest partial of each source."""

    def __init__(self, limit: int, source: str | None = None) -> None:
        """Makes an empty queue.

        Args:
            limit: Messages that may wait; with one more, all are dropped and the subscription is over.
            source: Take this source's messages only.
        """
        self._limit = limit
        self._source = source
        self._waiting: dict[int | str, Message | str] = {}  # in order; a partial under its source, others under seq
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._direct: Callable[[bytes], bool] | None = None
        self.farewell = DONE

    def pass_on(self, direct: Callable[[bytes], bool]) -> None:
        """Hands messages on without a stop here for as long as nothing waits.

        A task that wakes up for each message and client takes longer than the message itself: with a thousand clients
        the last would wait for most of a tenth of a second.

        Args:
            direct: Takes frames at once and returns True, or cannot, and returns False; never waits, never raises.
        """
        self._direct = direct

    def greet(self, text: str) -> None:
        """Puts a message for this subscriber only: ``hello``."""
        self._waiting[-1] = text
        self._changed.set()

    def put(self, messages: Sequence[Message]) -> None:
        """Takes what was published together; never waits."""
        if self._over.is_set():
            return
        if self._source is not None:
            messages = [m for m in messages if m.event.source == self._source]
        if messages and self._direct and not self._waiting and self._direct(b"".join([m.frame for m in messages])):
            return
        for message in messages:
            self._queue(message)

    def _queue(self, message: Message) -> None:
        if self._over.is_set():
            return
        source = message.partial_of
        if source or message.is_final:
            self._waiting.pop(message.event.source, None)  # its last partial is out of date
        self._waiting[source or message.seq] = message
        if len(self._waiting) > self._limit:
            self._waiting.clear()
            self.finish(TOO_SLOW)
        self._changed.set()

    def finish(self, farewell: Farewell = DONE) -> None:
        """No more will come: ``get`` gives what waits, then None."""
        if not self._over.is_set():
            self.farewell = farewell
        self._over.set()
        self._changed.set()

    async def get(self) -> Message | str | None:
        """The next message, or None after ``finish``."""
        while not self._waiting:
            if self._over.is_set():
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.pop(next(iter(self._waiting)))

    async def too_slow(self) -> None:
        """Returns when messages were dropped because the subscriber does not take them."""
        while self.farewell is not TOO_SLOW:
            await self._over.wait()
            if self.farewell is not TOO_SLOW:
                await asyncio.Future()  # it ends in good order: never


class Hub:
    """The one place where captions are published."""

    def __init__(self, about: About, *, history: int, hello_history: int, queue: int) -> None:
        """Starts with nothing published.

        Args:
            about: What ``hello`` says of the daemon.
            history: Finals kept for clients that come back; older ones are forgotten, and ``hello`` says so.
            hello_history: Finals that a new client is greeted with.
            queue: Messages that may wait for one subscriber.
        """
        self.about = about
        self._hello_history = hello_history
        self._queue = queue
        self._seq = 0
        self._history: deque[Message] = deque(maxlen=history)
        self._forgotten = 0  # seq of the newest final that history has lost
        self._outboxes: set[Outbox] = set()
        self._sources: dict[str, SourceInfo] = {}
        self._open: dict[str, Message] = {}  # each source's open partial
        self._status: dict[str, Message] = {}  # each source's last status
        self._plain: dict[str, Status] = {}  # the same without notices
        self._notices = Notices()

    @property
    def finals(self) -> list[Final]:
        """The finals in history, oldest first, without those that took a partial back."""
        return [m.event for m in self._history if isinstance(m.event, Final) and m.event.text]

    @property
    def subscribers(self) -> int:
        """How many there are now."""
        return len(self._outboxes)

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return {name: m.event.state for name, m in self._status.items() if isinstance(m.event, Status)}

    @property
    def notices(self) -> list[str]:
        """What is wrong now, a sentence each."""
        return self._notices.all

    def notify(self, about: str, text: str, source: str = "") -> None:
        """Adds a sentence to the ``detail`` of a source's status, or of every source's, and publishes it.

        Args:
            about: What it is about; a new text replaces the last one.
            text: A sentence for people; empty: it is over.
            source: Name of the source; empty: every source.
        """
        if self._notices.set(about, text, source):
            for status in [s for s in self._plain.values() if source in {"", s.source}]:
                self.publish(status)

    def add_source(self, info: SourceInfo) -> None:
        """Names a source in every ``hello`` from now on."""
        self._sources[info.name] = info

    def start_source(self, name: str, started_at: str) -> None:
        """Sets the wall time of the source's stream time 0."""
        self._sources[name] = replace(self._sources[name], started_at=started_at)

    def remove_source(self, name: str) -> None:
        """Forgets a source that has ended; its finals stay in history."""
        for known in (self._sources, self._open, self._status, self._plain):
            known.pop(name, None)
        self._notices.forget(name)

    def publish(self, *events: Event) -> None:
        """Numbers events and puts them into every queue; never waits.

        What happens at once is published at once: each client is written to once, however many events there are.
        """
        messages = [self._number(event) for event in events]
        for outbox in self._outboxes if messages else ():
            outbox.put(messages)

    def _number(self, event: Event) -> Message:
        """Gives an event its number, and remembers what a client that comes later has to know."""
        if isinstance(event, Status):
            self._plain[event.source] = event
            event = replace(event, detail=f"{event.detail} {self._notices.of(event.source)}".strip())
        self._seq += 1
        message = encode(event, self._seq)
        match event:
            case Partial():
                self._open[event.source] = message
            case Final():
                self._open.pop(event.source, None)
                if len(self._history) == self._history.maxlen:
                    self._forgotten = self._history[0].seq
                self._history.append(message)
            case Status():
                self._status[event.source] = message
        return message

    @contextmanager
    def subscribe(self, resume: Resume | None = None, *, source: str | None = None, queue: int = 0) -> Iterator[Outbox]:
        """A queue that begins with ``hello`` and the present state, and gets all that is published while it is open.

        Args:
            resume: What the subscriber has seen already; None: it is new.
            source: It wants this source only, and no history.
            queue: In place of the hub's bound.
        """
        outbox = Outbox(queue or self._queue, source)
        outbox.greet(self._hello(resume or Resume(), source))
        present = [*self._status.values(), *self._open.values()]
        outbox.put(sorted(present, key=lambda m: m.seq))
        self._outboxes.add(outbox)
        try:
            yield outbox
        finally:
            self._outboxes.discard(outbox)

    def finish(self) -> None:
        """The daemon stops: every queue runs dry."""
        for outbox in self._outboxes:
            outbox.finish(STOPPING)

    def _hello(self, resume: Resume, source: str | None) -> str:
        sources = [s for s in self._sources.values() if source in {None, s.name}]
        if source is not None:
            return hello(self.about, sources, self._seq, [])
        if resume.since is None:
            recent = list(self._history)[-self._hello_history :] if self._hello_history else []
            return hello(self.about, sources, self._seq, recent)
        other_run = resume.since > self._seq or resume.session not in {None, self.about.session}
        since = 0 if other_run else resume.since
        missed = [m for m in self._history if m.seq > since]
        gap = other_run or since < self._forgotten
        return hello(self.about, sources, self._seq, missed, gap_in_history=gap)
