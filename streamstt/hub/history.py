"""The finals that are kept for clients that come late or back, and the greeting made of them. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from streamstt.hub.protocol import DaemonInfo, Message, SourceInfo, make_hello


@dataclass(frozen=True, slots=True)
class ResumeState:
    """What earlier runs have left.

    Attributes:
        session: Goes on.
        seq: Numbers go on above it.
        forgotten: Of the newest final that is not in ``finals``; 0: all are.
        finals: The newest ones, oldest first.
    """

    session: str
    seq: int = 0
    forgotten: int = 0
    finals: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """What a viewer has seen already: everything up to ``since`` of ``session``."""

    since: int | None = None
    session: str | None = None


class History:
    """Finals in their order; the oldest are forgotten, and it is known up to which.

    Attributes:
        forgotten_seq: ``seq`` of the newest final that is gone; 0: none is.
    """

    def __init__(self, max_finals: int, hello_finals: int) -> None:
        """Is empty.

        Args:
            max_finals: Finals that are kept.
            hello_finals: Finals that a new client is greeted with.
        """
        self._finals: deque[Message] = deque(maxlen=max_finals)
        self._hello_finals = hello_finals
        self.forgotten_seq = 0

    def add(self, final: Message) -> None:
        """One more."""
        if len(self._finals) == self._finals.maxlen:
            self.forgotten_seq = self._finals[0].seq
        self._finals.append(final)

    def set_limits(self, max_finals: int, hello_finals: int) -> None:
        """Keeps and shows so many from now on."""
        while len(self._finals) > max_finals:
            self.forgotten_seq = self._finals.popleft().seq
        self._finals = deque(self._finals, maxlen=max_finals)
        self._hello_finals = hello_finals

    def restore(self, finals: Sequence[Message], forgotten_seq: int) -> None:
        """Has what is kept of an earlier run, oldest first, and what was forgotten before that."""
        self._finals.extend(finals)
        left_out = finals[: -len(self._finals)] if self._finals else []
        self.forgotten_seq = left_out[-1].seq if left_out else forgotten_seq

    def clear(self) -> None:
        """Has nothing, and has forgotten nothing."""
        self._finals.clear()
        self.forgotten_seq = 0

    def finals_up_to(self, seq: int) -> list[Message]:
        """Those up to a number: what comes after is still held back."""
        return [m for m in self._finals if m.seq <= seq]

    def hello_message(self, daemon_info: DaemonInfo, sources: list[SourceInfo], seq: int, resume: Resume) -> str:
        """``make_hello`` with what a client has missed, or for a new one with the newest finals.

        Args:
            daemon_info: What does not change.
            sources: Those that are here.
            seq: Of the last message that clients have.
            resume: What the client has seen already.
        """
        past = self.finals_up_to(seq)
        if resume.since is None:
            recent = past[-self._hello_finals :] if self._hello_finals else []
            return make_hello(daemon_info, sources, seq, recent, earlier=len(past) - len(recent))
        other_run = resume.since > seq or resume.session not in {None, daemon_info.session}
        since = 0 if other_run else resume.since
        missed = [m for m in past if m.seq > since]
        return make_hello(daemon_info, sources, seq, missed, gap_in_history=other_run or since < self.forgotten_seq)
