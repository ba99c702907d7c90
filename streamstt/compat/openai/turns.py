"""Captions as turns of a conversation, in OpenAI's words. Pure: its holder brings events, and sends what it gives.

A turn is what is said between two silences, or between two commits of the client. Its words are told as soon as they
cannot change any more, which may be before the turn ends; ``completed`` comes when all of it is final.
"""

import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from streamstt.compat.openai.errors import ApiError, Data
from streamstt.events import Event, Final, Gap, Partial, State, Status
from streamstt.text.characters import SPACELESS_LANGUAGES

LEAST_S = 0.1  # of audio that can be committed
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class _Turn:
    """One item of the conversation.

    Attributes:
        item: Its id.
        start: Stream time, in seconds.
        end: The same; None while it goes on.
        said: Text of its captions that are final.
        told: What of it the client has.
        lost: Some of its audio was not heard.
        silent: The client does not want it.
        noted: Somebody knows that it has ended.
    """

    item: str
    start: float
    end: float | None = None
    said: str = ""
    told: str = ""
    lost: bool = False
    silent: bool = False
    noted: bool = False


class Turns:
    """Of one connection.

    Attributes:
        former: The client speaks the former dialect.
        detects: Turns end when the speaker pauses; else when the client commits.
    """

    def __init__(self, *, former: bool) -> None:
        """Nothing is said yet, and turns end when the speaker pauses.

        Args:
            former: As the attribute.
        """
        self.detects = True
        self.former = former
        self._name = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        # In order: those that end and are not final yet, at most as much as the source's buffer; then the open one.
        self._turns: deque[_Turn] = deque()
        self._caption: tuple[str, _Turn] | None = None  # the one that still grows, and its turn
        self._previous: str | None = None  # the item before, as the client knows it
        self._since = 0.0  # stream time of the last commit, or of the last silence

    def event(self, kind: str, **fields: object) -> Data:
        """An event with an id."""
        return {"type": kind, "event_id": f"event_{self._name}{next(self._numbers):05}", **fields}

    def take(self, event: Event) -> list[Data]:
        """What to tell of an event."""
        match event:
            case Status(state=State.SPEECH, time=float(at)) if self.detects and not self._open and at >= self._since:
                return self._begin(at)
            case Status(state=State.LISTENING, time=float(at)) if (
                self.detects and (turn := self._open) and at > turn.start
            ):
                stopped = {"audio_end_ms": _ms(at), "item_id": turn.item}
                return [self.event("input_audio_buffer.speech_stopped", **stopped), *self._commit(turn, at)]
            case Partial():
                turn, told = self._turn_of(event.id, event.start)
                self._caption = event.id, turn
                return told + self._tell(turn, event.text[: event.stable], event.language)
            case Final():
                turn, told = self._turn_of(event.id, event.start)
                self._caption = None
                told += self._tell(turn, event.text, event.language)
                turn.said = joined(turn.said, event.text, event.language)
                return told
            case Gap():
                for turn in self._turns:
                    turn.lost |= event.start < (event.end if turn.end is None else turn.end) and event.end > turn.start
        return []

    def commit(self, at: float) -> list[Data]:
        """The client ends the turn at a stream time (s).

        Raises:
            ApiError: There is hardly any audio to end.
        """
        if at - self._since < LEAST_S:
            raise ApiError(
                f"buffer too small: a commit needs {LEAST_S * 1000:.0f} ms of audio, "
                f"there are {max(0.0, at - self._since) * 1000:.0f} ms",
                "input_audio_buffer_commit_empty",
            )
        return self._commit(self._open or self._add(self._since), at)

    def clear(self, at: float) -> list[Data]:
        """The client wants nothing of what was said since the last turn."""
        if turn := self._open or (None if self.detects else self._add(self._since)):
            turn.end, turn.silent = at, True
        self._since = at
        return [self.event("input_audio_buffer.cleared")]

    def ended(self) -> list[tuple[str, float]]:
        """The turns that have ended since this was asked last: each item, and the stream time (s) of its end."""
        ended = [(turn.item, turn.end) for turn in self._turns if turn.end is not None and not turn.noted]
        for turn in self._turns:
            turn.noted = turn.end is not None
        return ended

    def complete(self, item: str) -> list[Data]:
        """All of an item is final."""
        turn = next((turn for turn in self._turns if turn.item == item), None)
        if turn is None:
            return []
        self._turns.remove(turn)
        return [] if turn.silent else [self._completed(turn)]

    def close(self, at: float) -> list[Data]:
        """No more will come: what the client waits for is told as far as it is known."""
        told: list[Data] = []
        if (turn := self._open) and self.detects:
            told += self._commit(turn, at)
        return told + [data for turn in tuple(self._turns) if turn.end is not None for data in self.complete(turn.item)]

    @property
    def _open(self) -> _Turn | None:
        return self._turns[-1] if self._turns and self._turns[-1].end is None else None

    def _add(self, start: float) -> _Turn:
        turn = _Turn(f"item_{self._name}{next(self._numbers):05}", start)
        self._turns.append(turn)
        return turn

    def _begin(self, at: float) -> list[Data]:
        turn = self._add(at)
        return [self.event("input_audio_buffer.speech_started", audio_start_ms=_ms(at), item_id=turn.item)]

    def _turn_of(self, caption: str, start: float) -> tuple[_Turn, list[Data]]:
        """The turn of a caption, and what to tell if that begins with it."""
        if self._caption and self._caption[0] == caption:
            return self._caption[1], []
        found = next((turn for turn in self._turns if turn.end is None or start < turn.end), None)
        if found:
            return found, []
        told = self._begin(start) if self.detects else []
        return (self._open or self._add(self._since)), told

    def _tell(self, turn: _Turn, text: str, language: str) -> list[Data]:
        """The words that are new, with the space before them: together they are the transcript."""
        delta = joined(turn.said, text, language)[len(turn.told) :]
        if turn.silent or not delta:
            return []
        turn.told += delta
        return [self.event(f"{TRANSCRIPTION}.delta", item_id=turn.item, content_index=0, delta=delta)]

    def _commit(self, turn: _Turn, at: float) -> list[Data]:
        turn.end = self._since = at
        before, self._previous = self._previous, turn.item
        ids = {"previous_item_id": before, "item_id": turn.item}
        return [self.event("input_audio_buffer.committed", **ids), *self._added(turn.item, before)]

    def _added(self, item: str, before: str | None) -> Iterator[Data]:
        content = [{"type": "input_audio", "transcript": None}]
        message = {"id": item, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        for kind in ("created",) if self.former else ("added", "done"):
            yield self.event(f"conversation.item.{kind}", previous_item_id=before, item=message | {"content": content})

    def _completed(self, turn: _Turn) -> Data:
        of = {"item_id": turn.item, "content_index": 0}
        if turn.lost and not turn.told:
            text = "this audio could not be heard: the engine failed, or was too far behind"
            error = {"type": "server_error", "code": "audio_lost", "message": text, "param": None}
            return self.event(f"{TRANSCRIPTION}.failed", **of, error=error)
        usage = {"type": "duration", "seconds": round((turn.end or turn.start) - turn.start, 3)}
        return self.event(f"{TRANSCRIPTION}.completed", **of, transcript=turn.told, usage=usage)


def joined(before: str, text: str, language: str) -> str:
    """A text and what follows it, with a space between them where the language has spaces."""
    space = "" if language in SPACELESS_LANGUAGES or not (before and text) else " "
    return before + space + text


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
