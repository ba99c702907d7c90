"""Events that viewers receive: captions, states of sources, gaps. Their fields are the wire format of protocol v1.

Times are stream time of the source in seconds: 0 is its first sample, and lost audio counts. Events know neither
sequence numbers nor sockets: the hub numbers them as it publishes them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a final caption.

    Attributes:
        text: The word with its punctuation, without surrounding space.
        start: Start, in seconds.
        end: End, in seconds.
        probability: Mean probability of its tokens, 0 to 1.
    """

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Partial:
    """A caption that may still change.

    Attributes:
        source: Name of the source.
        id: Identifies the caption; each id ends with one ``Final``.
        rev: Revision: 1 for the first partial of this id, then one more each time.
        start: Start of its audio, in seconds.
        end: End of the audio that was decoded, in seconds.
        text: All words so far.
        stable: Number of characters (code points) at the start of ``text`` that will not change.
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
    """A caption that is recognized completely; an empty ``text`` withdraws a partial that was not speech.

    What may change it later is ``Revised``. The attributes are those of ``Partial``, and:

    Attributes:
        rev: Greater than that of every partial of this id.
        words: Its words.
        starred: Whether a person has starred it; on the wire only if true.
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
    starred: bool = False


@dataclass(frozen=True, slots=True)
class Revised:
    """A person has corrected, hidden or starred a final, or a second look has found better words for it.

    Attributes:
        final: The final as it is now, hidden or not; its fields are fields of the message.
        final_seq: Number of the message of the final.
        hidden: Whether the final must not be shown any more.
        edited: Whether a person has changed its text.
        second_look: Whether its text is that of a second look; on the wire only if true. Nobody waits for such words,
            so what is being read stays as it is: an overlay does not change.
    """

    type: ClassVar[str] = "revised"
    final: Final
    final_seq: int
    hidden: bool
    edited: bool
    second_look: bool = False

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.final.source


class State(StrEnum):
    """State of a source."""

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
        state: The new state.
        detail: A sentence for people, or empty.
        left: Whether the source has ended and was removed; on the wire only if true.
        time: Stream time (s) at which an utterance starts or ends, if one does. Not part of our own protocol, whose
            captions have times; third-party protocols announce speech before there are words.
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


Event = Partial | Final | Revised | Status | Gap
