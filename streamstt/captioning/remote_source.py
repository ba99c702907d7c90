"""A client that sends audio, as a source."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

from streamstt.audio.format import Block, Samples, samples_from_ms, seconds_from_samples
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


def free_name(preferred: str, taken: Container[str]) -> str:
    """A name that no source has: the wanted one, or that with a number."""
    name, n = preferred, 1
    while name in taken:
        n += 1
        name = f"{preferred}-{n}"
    return name


class SourceHost(Protocol):
    """Where audio goes: the studio."""

    def push(self, session: Session, block: Block) -> None:
        """Passes audio on; never waits."""
        ...

    def interrupt(self, session: Session) -> None:
        """No audio for a while, or for good: what was said becomes final soon."""
        ...

    async def wait_for_capacity(self, session: Session) -> None:
        """Waits until there is room for more."""
        ...

    async def wait_until_final(self, session: Session, until: int | None = None) -> None:
        """Waits until all that was said, or that was said before the sample ``until``, is final."""
        ...

    def end_source(self, session: Session) -> None:
        """Ends a source; it is forgotten after its last final."""
        ...


class RemoteSource:
    """The audio of a remote client on its way to its source."""

    def __init__(self, host: SourceHost, session: Session, active_names: set[str]) -> None:
        """Takes over a session.

        Args:
            host: Where the audio goes.
            session: Made for this client.
            active_names: Names of the clients that are here; the client's is taken out when it leaves.
        """
        self._host = host
        self._session = session
        self._active_names = active_names

    @property
    def name(self) -> str:
        """Name of the source that it became."""
        return self._session.source

    @property
    def position(self) -> float:
        """Stream time up to which audio has come, in seconds."""
        return seconds_from_samples(self._session.position)

    @property
    def settled(self) -> bool:
        """Whether all that was said is in finals."""
        return self._session.settled

    async def push(self, samples: Samples) -> None:
        """Takes 16 kHz audio; waits when the engine is far behind."""
        if len(samples):
            self._host.push(self._session, Block(self._session.position, samples))
            await self._host.wait_for_capacity(self._session)

    async def drain(self) -> None:
        """No more audio comes, for good or for a while; returns when the last final is published."""
        self._host.interrupt(self._session)
        await self._host.wait_until_final(self._session)

    def end_utterance(self) -> None:
        """What was said so far is complete: it becomes final soon."""
        self._host.interrupt(self._session)

    async def wait_until_final(self, until: float) -> None:
        """Returns when all that was said before a stream time (s) is published as final."""
        # A time is rounded to the millisecond, and what begins at it must not be waited for.
        await self._host.wait_until_final(self._session, samples_from_ms(until * 1000) - samples_from_ms(1))

    def close(self) -> None:
        """The client is gone; what it said and is not final yet is still captioned for the others."""
        self._active_names.discard(self.name)
        self._host.end_source(self._session)
