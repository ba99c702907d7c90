"""Numbers events, remembers finals, and gives every subscriber its own queue, so that none delays another."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from streamstt.serve.ahead import WriteAhead
from streamstt.serve.counters import Counters
from streamstt.serve.levels import Levels
from streamstt.serve.notices import Notice, Notices
from streamstt.serve.outbox import DONE, STOPPING, TOO_SLOW, Farewell, Outbox
from streamstt.serve.protocol import About, Message, SourceInfo, encode, hello, wall_time
from streamstt.serve.requests import Resume
from streamstt.speech.captions import Event, Final, Partial, State, Status
from streamstt.speech.timeline import aligned

__all__ = ["DONE", "STOPPING", "TOO_SLOW", "Farewell", "Hub", "Outbox"]


class Hub:
    """The one place where captions are published.

    Attributes:
        about: What ``hello`` says of the daemon.
        counters: What was published, and to how many.
        awaited: Names of the sources whose device has not been there yet.
        levels: How loud the sources are, for those who ask.
    """

    def __init__(
        self, about: About, *, history: int, hello_history: int, queue: int, sources: Iterable[str] = ()
    ) -> None:
        """Starts with nothing published.

        Args:
            about: What ``hello`` says of the daemon.
            history: Finals kept for clients that come back; older ones are forgotten, and ``hello`` says so.
            hello_history: Finals that a new client is greeted with.
            queue: Messages that may wait for one subscriber.
            sources: Names of sources that are counted apart.
        """
        self.about = about
        self.counters = Counters(sources)
        self.awaited: set[str] = set()
        self.levels = Levels()
        self._hello_history = hello_history
        self._queue = queue
        self.seq = 0  # of the last event that was published
        self._told = 0  # seq of the last event that subscribers have, or that waits for them
        self._ahead: WriteAhead | None = None
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
        """The finals in history, oldest first, on one line of time, without those that took a partial back."""
        return aligned([(m.event, m.at) for m in self._past if isinstance(m.event, Final) and m.event.text])

    def recent(self, count: int, since: int = 0) -> list[Final | Partial]:
        """The newest finals with words that came after number ``since``, oldest first, then the open partials."""
        told = (m.event for m in reversed(self._history) if since < m.seq <= self._told)
        finals = list(islice((e for e in told if isinstance(e, Final) and e.text), count))
        begun = [m.event for m in self._open.values() if m.seq <= self._told]
        return [*reversed(finals), *(e for e in begun if isinstance(e, Partial))]

    @property
    def sources(self) -> list[SourceInfo]:
        """Those that are here now."""
        return list(self._sources.values())

    @property
    def viewers(self) -> int:
        """How many follow all sources now."""
        return sum(outbox.viewer for outbox in self._outboxes)

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return {name: m.event.state for name, m in self._status.items() if isinstance(m.event, Status)}

    @property
    def missing(self) -> list[str]:
        """Names of the sources from which no audio can come now."""
        return [name for name, state in self.states.items() if state is State.LOST or name in self.awaited]

    @property
    def notices(self) -> list[Notice]:
        """What is wrong now."""
        return self._notices.all

    def detail(self, source: str) -> str:
        """What there is to say of a source's state, without notices."""
        status = self._plain.get(source)
        return status.detail if status else ""

    def limit(self, *, history: int, hello_history: int, queue: int) -> None:
        """Sets the bounds anew; those who are here keep their queues."""
        while len(self._history) > history:
            self._forgotten = self._history.popleft().seq
        self._history = deque(self._history, maxlen=history)
        self._hello_history = hello_history
        self._queue = queue

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

    def restore(self, finals: Sequence[Message], seq: int, forgotten: int) -> None:
        """Goes on where an earlier run ended.

        Args:
            finals: What it published, oldest first; as many as history takes are kept.
            seq: Numbers go on above it.
            forgotten: ``seq`` of the newest final that is gone; 0: none is.
        """
        self._history.extend(finals)
        left_out = finals[: -len(self._history)] if self._history else []
        self.seq = self._told = seq
        self._forgotten = left_out[-1].seq if left_out else forgotten

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
        self.levels.forget(name)
        self.awaited.discard(name)

    def publish(self, *events: Event) -> None:
        """Numbers events and puts them into every queue; never waits.

        What happens at once is published at once: each client is written to once, however many events there are.
        """
        if not events:
            return  # as for most blocks of audio
        messages = [self._number(event) for event in events]
        if self._ahead:
            self._ahead.put(messages)
        else:
            self._deliver(messages)

    def keep_with(self, keep: Callable[[Message], bool]) -> WriteAhead:
        """Has finals written before anybody gets them; ``keep`` as for ``WriteAhead``."""
        self._ahead = WriteAhead(keep, self._deliver)
        return self._ahead

    async def flush(self) -> None:
        """Returns when all that is published waits for the subscribers, or is with them."""
        if self._ahead:
            await self._ahead.passed()

    def _deliver(self, messages: Sequence[Message]) -> None:
        self._told = messages[-1].seq
        for outbox in self._outboxes:
            outbox.put(messages)

    def _number(self, event: Event) -> Message:
        """Gives an event its number, and remembers what a client that comes later has to know."""
        if isinstance(event, Status):
            self._plain[event.source] = event
            event = replace(event, detail=f"{event.detail} {self._notices.of(event.source)}".strip())
        self.counters.published(event)
        self.seq += 1
        source = self._sources.get(event.source)
        at = wall_time(source.started_at, event.start) if source and isinstance(event, Final) else ""
        label = source.label if source and isinstance(event, Status) else ""  # one that came after a client's hello
        message = encode(event, self.seq, at=at, label=label)
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
    def subscribe(
        self, resume: Resume | None = None, *, source: str | None = None, queue: int = 0, viewer: bool = True
    ) -> Iterator[Outbox]:
        """A queue that begins with ``hello`` and the present state, and gets all that is published while it is open.

        Args:
            resume: What the subscriber has seen already; None: it is new.
            source: It wants this source only, and no history.
            queue: In place of the hub's bound.
            viewer: False: a part of the daemon, which is not counted.
        """
        outbox = Outbox(queue or self._queue, source, viewer=viewer)
        outbox.slip(self._hello(resume or Resume(), source))
        present = [m for m in (*self._status.values(), *self._open.values()) if m.seq <= self._told]
        outbox.put(sorted(present, key=lambda m: m.seq))
        self._outboxes.add(outbox)
        if viewer:
            self.counters.came(viewer=source is None)
        try:
            yield outbox
        finally:
            self._outboxes.discard(outbox)
            self.counters.too_slow += outbox.farewell is TOO_SLOW

    def finish(self) -> None:
        """The daemon stops: every queue runs dry."""
        for outbox in self._outboxes:
            outbox.finish(STOPPING)

    @property
    def _past(self) -> list[Message]:
        """The history without what is still held back."""
        return [m for m in self._history if m.seq <= self._told]

    def _hello(self, resume: Resume, source: str | None) -> str:
        sources = [s for s in self._sources.values() if source in {None, s.name}]
        if source is not None:
            return hello(self.about, sources, self._told, [])
        if resume.since is None:
            recent = self._past[-self._hello_history :] if self._hello_history else []
            earlier = len(self._past) - len(recent)
            return hello(self.about, sources, self._told, recent, earlier=earlier)
        other_run = resume.since > self._told or resume.session not in {None, self.about.session}
        since = 0 if other_run else resume.since
        missed = [m for m in self._past if m.seq > since]
        gap = other_run or since < self._forgotten
        return hello(self.about, sources, self._told, missed, gap_in_history=gap)
