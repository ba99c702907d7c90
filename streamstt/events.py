"""What a viewer gets: captions, the state of their source, and gaps. Also the wire format of protocol v1.

Times are seconds of stream time of the source: 0 is its first sample, and lost audio counts. Nothing here knows of
sequence numbers or sockets: the hub numbers events as it publishes them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final caption.

    Attributes:
        text: The word with its punctuation, without surrounding space.
        start: When it begins, in seconds.
        end: When it ends, in seconds.
        probability: Mean probability of its tokens, 0 to 1.
    """

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Partial:
    """A caption that still grows.

    Attributes:
        source: Name of the source.
        id: Names the caption; opened once, ended by one ``Final``.
        rev: Rises by one with each partial of this id, from 1.
        start: Start of its audio, in seconds.
        end: End of the audio that was heard, in seconds.
        text: All words so far.
        stable: How many characters at the start of ``text`` will not change.
        language: Language code such as ``en``.
    """

    type: ClassVar[str] = "partial"
    source: str
    id: str
    rev: int
    start: float
    end: float
    text: str
    stable: int
    language: str


@dataclass(frozen=True, slots=True)
class Final:
    """A caption that never changes again; an empty ``text`` takes back a partial that was no speech.

    Attributes as in ``Partial``; ``rev`` is above every partial's of this id.
    """

    type: ClassVar[str] = "final"
    source: str
    id: str
    rev: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    language: str


class State(StrEnum):
    """What a source is doing."""

    LISTENING = "listening"
    SPEECH = "speech"
    WAITING = "waiting"
    LOST = "lost"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a source has changed.

    Attributes:
        source: Name of the source.
        state: What it does now.
        detail: A sentence for people, or empty.
        left: It has ended, and is no source any more; on the wire only if it is so.
        time: Stream time (s) where an utterance begins or ends, if one does. Not in our own protocol, whose captions
            have times; others announce speech before there are words.
    """

    type: ClassVar[str] = "status"
    source: str
    state: State
    detail: str = ""
    left: bool = False
    time: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio from ``start`` to ``end`` (seconds) was lost and is in no caption."""

    type: ClassVar[str] = "gap"
    source: str
    start: float
    end: float


Event = Partial | Final | Status | Gap
