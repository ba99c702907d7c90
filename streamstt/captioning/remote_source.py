"""A client that sends audio, as a source."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

from streamstt.audio.format import Block, Samples, ms, seconds
from streamstt.speech.session import Session


@dataclass(frozen=True, slots=True)
class RemoteSourceRequest:
    """A client wants to send audio.

    Attributes:
        name: Of its source.
        rate: Samples a second (s16le, mono).
        language: Code, ``auto``, or empty for the engine's setting.
        label: What viewers see; empty: the name.
        end_silence_ms: In place of ``speech.end_silence_ms``; 0: that.
    """

    name: str
    rate: int
    language: str
    label: str = ""
    end_silence_ms: int = 0


def free_name(wanted: str, taken: Container[str]) -> str:
    """A name that no source has: the wanted one, or that with a number."""
    name, n = wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted}-{n}"
    return name


class Stage(Protocol):
    """Where audio goes: the studio."""

    def push(self, session: Session, block: Block) -> None:
        """Passes audio on; never waits."""
        ...

    def interrupt(self, session: Session) -> None:
        """No audio for a while, or for good: what was said becomes final soon."""
        ...

    async def room(self, session: Session) -> None:
        """Waits until there is room for more."""
        ...

    async def settle(self, session: Session, until: int | None = None) -> None:
        """Waits until all that was said, or that was said before the sample ``until``, is final."""
        ...

    def leave(self, session: Session) -> None:
        """Ends a source; it is forgotten after its last final."""
        ...


class RemoteSource:
    """A client's audio; implements the server's ``RemoteStream``."""

    def __init__(self, studio: Stage, session: Session, present: set[str]) -> None:
        """Takes over a session.

        Args:
            studio: Where the audio goes.
            session: Made for this client.
            present: Names of the clients that are here; the client's is taken out when it leaves.
        """
        self._studio = studio
        self._session = session
        self._present = present

    @property
    def name(self) -> str:
        """Name of the source that it became."""
        return self._session.source

    @property
    def position(self) -> float:
        """Stream time up to which audio has come, in seconds."""
        return seconds(self._session.position)

    @property
    def settled(self) -> bool:
        """Whether all that was said is in finals."""
        return self._session.settled

    async def push(self, samples: Samples) -> None:
        """Takes 16 kHz audio; waits when the engine is far behind."""
        if len(samples):
            self._studio.push(self._session, Block(self._session.position, samples))
            await self._studio.room(self._session)

    async def finish(self) -> None:
        """No more audio comes, for good or for a while; returns when the last final is published."""
        self._studio.interrupt(self._session)
        await self._studio.settle(self._session)

    def pause(self) -> None:
        """What was said so far is complete: it becomes final soon."""
        self._studio.interrupt(self._session)

    async def heard(self, until: float) -> None:
        """Returns when all that was said before a stream time (s) is published as final."""
        # A time is rounded to the millisecond, and what begins at it must not be waited for.
        await self._studio.settle(self._session, ms(until * 1000) - ms(1))

    def leave(self) -> None:
        """The client is gone; what it said and is not final yet is still captioned for the others."""
        self._present.discard(self.name)
        self._studio.leave(self._session)
