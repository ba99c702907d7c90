"""A source whose audio a client sends.

It must not know which protocol the client speaks.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

from streamstt.audio.format import Block, Samples, samples_from_ms, seconds_from_samples
from streamstt.speech.session import Session


@dataclass(frozen=True, slots=True)
class RemoteSourceRequest:
    """A client's request to send audio.

    Attributes:
        name: Name that the client wants for its source.
        rate: Sample rate in Hz of the audio it sends (s16le, mono).
        language: Language code, ``auto``, or empty for ``engine.language``.
        label: Name that viewers see; empty: ``name``.
        end_silence_ms: Overrides ``speech.end_silence_ms``; 0: it does not.
    """

    name: str
    rate: int
    language: str
    label: str = ""
    end_silence_ms: int = 0


def free_name(preferred: str, taken: Container[str]) -> str:
    """Returns a name that is not in use.

    Args:
        preferred: The name, if it is free; else it gets a number.
        taken: The names in use.
    """
    name, n = preferred, 1
    while name in taken:
        n += 1
        name = f"{preferred}-{n}"
    return name


class SourceHost(Protocol):
    """What a remote source needs of the pipeline."""

    def push(self, session: Session, block: Block) -> None:
        """Passes a block of audio to its session; never waits."""
        ...

    def interrupt(self, session: Session) -> None:
        """Ends the open utterance, because no audio follows for now; its captions become final soon."""
        ...

    async def wait_for_capacity(self, session: Session) -> None:
        """Waits until the source's buffer has room for more audio."""
        ...

    async def wait_until_final(self, session: Session, until: int | None = None) -> None:
        """Waits until all speech is in finals, or all that began before the sample index ``until``."""
        ...

    def end_source(self, session: Session) -> None:
        """Ends a remote source; it is removed after its last final."""
        ...


class RemoteSource:
    """Receives the audio of one client, and reports how much of it is in finals."""

    def __init__(self, host: SourceHost, session: Session, active_names: set[str]) -> None:
        """Starts at stream time 0.

        Args:
            host: The pipeline.
            session: The session made for this client.
            active_names: Names of the sources whose clients are connected; ``close`` removes this one.
        """
        self._host = host
        self._session = session
        self._active_names = active_names

    @property
    def name(self) -> str:
        """Name of the source."""
        return self._session.source

    @property
    def position(self) -> float:
        """Stream time of the end of the audio so far, in seconds."""
        return seconds_from_samples(self._session.position)

    @property
    def settled(self) -> bool:
        """Whether all speech so far is in finals."""
        return self._session.settled

    async def push(self, samples: Samples) -> None:
        """Appends audio; waits while the engine is far behind.

        Args:
            samples: Shape (n,), 16 kHz, float32.
        """
        if len(samples):
            self._host.push(self._session, Block(self._session.position, samples))
            await self._host.wait_for_capacity(self._session)

    async def drain(self) -> None:
        """Ends the open utterance, because no audio follows for now, and waits until the last final is published."""
        self._host.interrupt(self._session)
        await self._host.wait_until_final(self._session)

    def end_utterance(self) -> None:
        """Ends the open utterance; its captions become final soon."""
        self._host.interrupt(self._session)

    async def wait_until_final(self, until: float) -> None:
        """Waits until all speech that began before a stream time (s) is published as final."""
        # Times are rounded to the millisecond, and speech that begins at this time must not be waited for.
        await self._host.wait_until_final(self._session, samples_from_ms(until * 1000) - samples_from_ms(1))

    def close(self) -> None:
        """Ends the source, because the client is gone; its last speech is still captioned for viewers."""
        self._active_names.discard(self.name)
        self._host.end_source(self._session)
