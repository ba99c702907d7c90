"""Captions as turns of a conversation, in OpenAI's words. Pure: its holder brings events, and sends what it gives.

A turn is what is said between two silences, or between two commits of the client. Its words are told as soon as they
cannot change any more, which may be before the turn ends; ``completed`` comes when all of it is final.
"""

import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from streamstt.compat.openai.errors import ApiError, JsonObject
from streamstt.events import Event, Final, Gap, Partial, State, Status
from streamstt.text.characters import SPACELESS_LANGUAGES

MIN_COMMIT_S = 0.1  # of audio that can be committed
TRANSCRIPTION_EVENT = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class _Turn:
    """One item of the conversation.

    Attributes:
        item_id: Its id.
        start: Stream time, in seconds.
        end: The same; None while it goes on.
        final_text: Text of its captions that are final.
        sent: What of it the client has.
        audio_lost: Some of its audio was not heard.
        discarded: The client does not want it.
        end_reported: Somebody knows that it has ended.
    """

    item_id: str
    start: float
    end: float | None = None
    final_text: str = ""
    sent: str = ""
    audio_lost: bool = False
    discarded: bool = False
    end_reported: bool = False


class TurnTranslator:
    """Of one connection.

    Attributes:
        beta: The client speaks the former dialect.
        detects_turns: Turns end when the speaker pauses; else when the client commits.
    """

    def __init__(self, *, beta: bool) -> None:
        """Nothing is said yet, and turns end when the speaker pauses.

        Args:
            beta: As the attribute.
        """
        self.detects_turns = True
        self.beta = beta
        self._id_prefix = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        # In order: those that end and are not final yet, at most as much as the source's buffer; then the open one.
        self._turns: deque[_Turn] = deque()
        self._growing_caption: tuple[str, _Turn] | None = None  # the one that still grows, and its turn
        self._previous_item_id: str | None = None  # the item before, as the client knows it
        self._boundary_s = 0.0  # stream time of the last commit, or of the last silence

    def make_event(self, kind: str, **fields: object) -> JsonObject:
        """An event with an id."""
        return {"type": kind, "event_id": f"event_{self._id_prefix}{next(self._numbers):05}", **fields}

    def translate(self, event: Event) -> list[JsonObject]:
        """What to tell of an event."""
        match event:
            case Status(state=State.SPEECH, time=float(at)) if (
                self.detects_turns and not self._open_turn and at >= self._boundary_s
            ):
                return self._start_turn(at)
            case Status(state=State.LISTENING, time=float(at)) if (
                self.detects_turns and (turn := self._open_turn) and at > turn.start
            ):
                stopped = {"audio_end_ms": _milliseconds(at), "item_id": turn.item_id}
                return [self.make_event("input_audio_buffer.speech_stopped", **stopped), *self._commit_turn(turn, at)]
            case Partial():
                turn, told = self._find_turn(event.id, event.start)
                self._growing_caption = event.id, turn
                return told + self._delta_events(turn, event.text[: event.stable], event.language)
            case Final():
                turn, told = self._find_turn(event.id, event.start)
                self._growing_caption = None
                told += self._delta_events(turn, event.text, event.language)
                turn.final_text = join_text(turn.final_text, event.text, event.language)
                return told
            case Gap():
                for turn in self._turns:
                    turn.audio_lost |= (
                        event.start < (event.end if turn.end is None else turn.end) and event.end > turn.start
                    )
        return []

    def commit(self, at: float) -> list[JsonObject]:
        """The client ends the turn at a stream time (s).

        Raises:
            ApiError: There is hardly any audio to end.
        """
        if at - self._boundary_s < MIN_COMMIT_S:
            raise ApiError(
                f"buffer too small: a commit needs {MIN_COMMIT_S * 1000:.0f} ms of audio, "
                f"there are {max(0.0, at - self._boundary_s) * 1000:.0f} ms",
                "input_audio_buffer_commit_empty",
            )
        return self._commit_turn(self._open_turn or self._add_turn(self._boundary_s), at)

    def clear(self, at: float) -> list[JsonObject]:
        """The client wants nothing of what was said since the last turn."""
        if turn := self._open_turn or (None if self.detects_turns else self._add_turn(self._boundary_s)):
            turn.end, turn.discarded = at, True
        self._boundary_s = at
        return [self.make_event("input_audio_buffer.cleared")]

    def pop_ended(self) -> list[tuple[str, float]]:
        """The turns that have ended since this was asked last: each item, and the stream time (s) of its end."""
        ended = [(turn.item_id, turn.end) for turn in self._turns if turn.end is not None and not turn.end_reported]
        for turn in self._turns:
            turn.end_reported = turn.end is not None
        return ended

    def complete_turn(self, item_id: str) -> list[JsonObject]:
        """All of an item is final."""
        turn = next((turn for turn in self._turns if turn.item_id == item_id), None)
        if turn is None:
            return []
        self._turns.remove(turn)
        return [] if turn.discarded else [self._completion_event(turn)]

    def close(self, at: float) -> list[JsonObject]:
        """No more will come: what the client waits for is told as far as it is known."""
        told: list[JsonObject] = []
        if (turn := self._open_turn) and self.detects_turns:
            told += self._commit_turn(turn, at)
        return told + [
            data for turn in tuple(self._turns) if turn.end is not None for data in self.complete_turn(turn.item_id)
        ]

    @property
    def _open_turn(self) -> _Turn | None:
        return self._turns[-1] if self._turns and self._turns[-1].end is None else None

    def _add_turn(self, start: float) -> _Turn:
        turn = _Turn(f"item_{self._id_prefix}{next(self._numbers):05}", start)
        self._turns.append(turn)
        return turn

    def _start_turn(self, at: float) -> list[JsonObject]:
        turn = self._add_turn(at)
        return [
            self.make_event("input_audio_buffer.speech_started", audio_start_ms=_milliseconds(at), item_id=turn.item_id)
        ]

    def _find_turn(self, caption: str, start: float) -> tuple[_Turn, list[JsonObject]]:
        """The turn of a caption, and what to tell if that begins with it."""
        if self._growing_caption and self._growing_caption[0] == caption:
            return self._growing_caption[1], []
        found = next((turn for turn in self._turns if turn.end is None or start < turn.end), None)
        if found:
            return found, []
        told = self._start_turn(start) if self.detects_turns else []
        return (self._open_turn or self._add_turn(self._boundary_s)), told

    def _delta_events(self, turn: _Turn, text: str, language: str) -> list[JsonObject]:
        """The words that are new, with the space before them: together they are the transcript."""
        delta = join_text(turn.final_text, text, language)[len(turn.sent) :]
        if turn.discarded or not delta:
            return []
        turn.sent += delta
        return [self.make_event(f"{TRANSCRIPTION_EVENT}.delta", item_id=turn.item_id, content_index=0, delta=delta)]

    def _commit_turn(self, turn: _Turn, at: float) -> list[JsonObject]:
        turn.end = self._boundary_s = at
        before, self._previous_item_id = self._previous_item_id, turn.item_id
        ids = {"previous_item_id": before, "item_id": turn.item_id}
        return [self.make_event("input_audio_buffer.committed", **ids), *self._item_events(turn.item_id, before)]

    def _item_events(self, item_id: str, previous_item_id: str | None) -> Iterator[JsonObject]:
        content = [{"type": "input_audio", "transcript": None}]
        message = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        for kind in ("created",) if self.beta else ("added", "done"):
            yield self.make_event(
                f"conversation.item.{kind}", previous_item_id=previous_item_id, item=message | {"content": content}
            )

    def _completion_event(self, turn: _Turn) -> JsonObject:
        of = {"item_id": turn.item_id, "content_index": 0}
        if turn.audio_lost and not turn.sent:
            text = "this audio could not be heard: the engine failed, or was too far behind"
            error = {"type": "server_error", "code": "audio_lost", "message": text, "param": None}
            return self.make_event(f"{TRANSCRIPTION_EVENT}.failed", **of, error=error)
        usage = {"type": "duration", "seconds": round((turn.end or turn.start) - turn.start, 3)}
        return self.make_event(f"{TRANSCRIPTION_EVENT}.completed", **of, transcript=turn.sent, usage=usage)


def join_text(before: str, text: str, language: str) -> str:
    """A text and what follows it, with a space between them where the language has spaces."""
    space = "" if language in SPACELESS_LANGUAGES or not (before and text) else " "
    return before + space + text


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
