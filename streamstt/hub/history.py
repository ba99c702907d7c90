"""The finals that are kept for late and reconnecting clients, and the ``hello`` made of them. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from streamstt.clock import Clock
from streamstt.events import Final, Revised
from streamstt.hub.protocol import DaemonInfo, EngineState, Message, SourceInfo, make_hello
from streamstt.hub.revisions import Revisions, conceal


@dataclass(frozen=True, slots=True)
class ResumeState:
    """Where an earlier run ended.

    Attributes:
        session: Its session, which continues.
        seq: Number of the last event that it published.
        forgotten: ``seq`` of the newest final that is not in ``finals``; 0: all are.
        finals: The newest finals as they were recognized, oldest first.
        revisions: The last revision of each of them that was revised.
        session_clock: Continues the steady clock of the earlier runs; None: there were none.
    """

    session: str
    seq: int = 0
    forgotten: int = 0
    finals: tuple[Message, ...] = ()
    revisions: tuple[Message, ...] = ()
    session_clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """What a viewer has received: everything up to number ``since`` of ``session``; and whether it takes revisions."""

    since: int | None = None
    session: str | None = None
    revised: bool = True


class History:
    """A bounded list of finals with their revisions; the oldest are dropped.

    Attributes:
        forgotten_seq: ``seq`` of the newest final or revision that was dropped; 0: none was.
    """

    def __init__(self, max_finals: int, hello_finals: int) -> None:
        """Starts empty.

        Args:
            max_finals: Finals that are kept.
            hello_finals: Finals in the ``hello`` of a new client.
        """
        self._finals: deque[Message] = deque(maxlen=max_finals)
        self._revisions = Revisions()
        self._hello_finals = hello_finals
        self._changes = 0
        self.forgotten_seq = 0

    def add(self, final: Message) -> None:
        """Adds a final."""
        self._changes += 1
        if len(self._finals) == self._finals.maxlen:
            self.forgotten_seq = self._finals[0].seq
        self._finals.append(final)

    def add_revision(self, revision: Message, delivered_seq: int) -> None:
        """Adds a revision; ``delivered_seq`` is the number of the last message that was delivered."""
        dropped = self._revisions.add(revision, delivered_seq, self._finals.maxlen or 0)
        self.forgotten_seq = max(self.forgotten_seq, dropped)

    def find(self, caption_id: str, seq: int) -> tuple[Message, Revised | None] | None:
        """Returns the final with this id as it was recognized, if its number is not above ``seq``, and its revision."""
        for final in reversed(self._finals):
            event = final.event
            if isinstance(event, Final) and event.id == caption_id and event.text and final.seq <= seq:
                return final, self._revisions.last(final.seq)
        return None

    def set_limits(self, max_finals: int, hello_finals: int) -> None:
        """Sets new bounds, as for ``__init__``."""
        self._changes += 1
        while len(self._finals) > max_finals:
            self.forgotten_seq = self._finals.popleft().seq
        self._finals = deque(self._finals, maxlen=max_finals)
        self._hello_finals = hello_finals

    def restore(self, finals: Sequence[Message], forgotten_seq: int, revisions: Sequence[Message] = ()) -> None:
        """Adds what an earlier run has left, oldest first.

        Args:
            finals: Its finals as they were recognized.
            forgotten_seq: ``seq`` of the newest final before them.
            revisions: Revisions of the finals.
        """
        self._changes += 1
        self._finals.extend(finals)
        dropped = finals[: -len(self._finals)] if self._finals else []
        self.forgotten_seq = dropped[-1].seq if dropped else forgotten_seq
        for revision in revisions:
            self.add_revision(revision, revision.seq)

    def clear(self) -> None:
        """Removes all finals, as if there had been none."""
        self._changes += 1
        self._finals.clear()
        self._revisions.clear()
        self.forgotten_seq = 0

    def finals_up_to(self, seq: int, *, reveal: bool = False) -> list[Message]:
        """Returns the finals up to a number, as they are now; later ones are not delivered yet.

        Args:
            seq: The number.
            reveal: Whether hidden finals keep their text; otherwise, they are empty.
        """
        return [self._revisions.apply(m, seq, reveal=reveal) for m in self._finals if m.seq <= seq]

    def published_since(self, since: int, seq: int) -> list[Message]:
        """Returns the finals as they were recognized, and the last revisions, with numbers in this range, in order."""
        finals = [m for m in self._finals if since < m.seq <= seq]
        return sorted([*finals, *self._revisions.since(since, seq)], key=lambda m: m.seq)

    def version(self, seq: int) -> tuple[int, int]:
        """Returns numbers that change whenever ``finals_up_to(seq)`` does; the second is that of the newest message."""
        newest_final = next((m.seq for m in reversed(self._finals) if m.seq <= seq), 0)
        return self._changes, max(newest_final, self._revisions.newest(seq))

    def hello_message(
        self,
        daemon_info: DaemonInfo,
        sources: list[SourceInfo],
        seq: int,
        resume: Resume,
        *,
        control: bool = False,
        engine: EngineState | None = None,
    ) -> str:
        """Returns ``hello`` with the finals that a client has missed, or the newest ones for a new client.

        Args:
            daemon_info: The fields that describe the daemon.
            sources: The present sources.
            seq: Number of the last message that was delivered.
            resume: What the client has received before.
            control: Whether the client may revise captions; it also gets the text of hidden ones.
            engine: How the engine does; None: there is none.
        """
        engine_fields = engine.fields if engine else None
        delivered = self.finals_up_to(seq, reveal=control)
        if resume.since is None:
            recent = delivered[-self._hello_finals :] if self._hello_finals else []
            earlier = len(delivered) - len(recent)
            return make_hello(daemon_info, sources, seq, recent, earlier=earlier, control=control, engine=engine_fields)
        other_run = resume.since > seq or resume.session not in {None, daemon_info.session}
        since = 0 if other_run else resume.since
        missed = [m for m in delivered if m.seq > since]
        revisions = self._revisions.since(since, seq) if resume.revised else []
        return make_hello(
            daemon_info,
            sources,
            seq,
            missed,
            gap_in_history=other_run or since < self.forgotten_seq,
            # Finals that were missed too are in their present form already; one that is hidden says nothing more.
            revisions=[
                (m if control else conceal(m)).data for m in revisions if getattr(m.event, "final_seq", 0) <= since
            ],
            control=control,
            engine=engine_fields,
        )
