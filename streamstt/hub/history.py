"""The finals that are kept for late and reconnecting clients, and the ``hello`` made of them. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from streamstt.hub.protocol import DaemonInfo, Message, SourceInfo, make_hello


@dataclass(frozen=True, slots=True)
class ResumeState:
    """Where an earlier run ended.

    Attributes:
        session: Its session, which continues.
        seq: Number of the last event that it published.
        forgotten: ``seq`` of the newest final that is not in ``finals``; 0: all are.
        finals: The newest finals, oldest first.
    """

    session: str
    seq: int = 0
    forgotten: int = 0
    finals: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """What a viewer has received before: everything up to number ``since`` of ``session``."""

    since: int | None = None
    session: str | None = None


class History:
    """A bounded list of finals; the oldest are dropped.

    Attributes:
        forgotten_seq: ``seq`` of the newest final that was dropped; 0: none was.
    """

    def __init__(self, max_finals: int, hello_finals: int) -> None:
        """Starts empty.

        Args:
            max_finals: Finals that are kept.
            hello_finals: Finals in the ``hello`` of a new client.
        """
        self._finals: deque[Message] = deque(maxlen=max_finals)
        self._hello_finals = hello_finals
        self._changes = 0
        self.forgotten_seq = 0

    def add(self, final: Message) -> None:
        """Adds a final."""
        self._changes += 1
        if len(self._finals) == self._finals.maxlen:
            self.forgotten_seq = self._finals[0].seq
        self._finals.append(final)

    def set_limits(self, max_finals: int, hello_finals: int) -> None:
        """Sets new bounds, as for ``__init__``."""
        self._changes += 1
        while len(self._finals) > max_finals:
            self.forgotten_seq = self._finals.popleft().seq
        self._finals = deque(self._finals, maxlen=max_finals)
        self._hello_finals = hello_finals

    def restore(self, finals: Sequence[Message], forgotten_seq: int) -> None:
        """Adds the finals of an earlier run, oldest first; ``forgotten_seq`` is that of the newest before them."""
        self._changes += 1
        self._finals.extend(finals)
        dropped = finals[: -len(self._finals)] if self._finals else []
        self.forgotten_seq = dropped[-1].seq if dropped else forgotten_seq

    def clear(self) -> None:
        """Removes all finals, as if there had been none."""
        self._changes += 1
        self._finals.clear()
        self.forgotten_seq = 0

    def finals_up_to(self, seq: int) -> list[Message]:
        """Returns the finals up to a number; later ones are not delivered yet."""
        return [m for m in self._finals if m.seq <= seq]

    def version(self, seq: int) -> tuple[int, int]:
        """Returns numbers that change whenever ``finals_up_to(seq)`` does."""
        return self._changes, next((m.seq for m in reversed(self._finals) if m.seq <= seq), 0)

    def hello_message(self, daemon_info: DaemonInfo, sources: list[SourceInfo], seq: int, resume: Resume) -> str:
        """Returns ``hello`` with the finals that a client has missed, or the newest ones for a new client.

        Args:
            daemon_info: The fields that do not change while the daemon runs.
            sources: The present sources.
            seq: Number of the last message that was delivered.
            resume: What the client has received before.
        """
        delivered = self.finals_up_to(seq)
        if resume.since is None:
            recent = delivered[-self._hello_finals :] if self._hello_finals else []
            return make_hello(daemon_info, sources, seq, recent, earlier=len(delivered) - len(recent))
        other_run = resume.since > seq or resume.session not in {None, daemon_info.session}
        since = 0 if other_run else resume.since
        missed = [m for m in delivered if m.seq > since]
        return make_hello(daemon_info, sources, seq, missed, gap_in_history=other_run or since < self.forgotten_seq)
