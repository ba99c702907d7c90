"""Translates captions into turns of OpenAI's Realtime protocol. Pure: the caller brings events and sends the results.

A turn is the speech between two silences, or between two commits of the client. Its words are sent as soon as they
are stable, which may be before the turn ends; ``completed`` is sent when all of it is final.
"""

import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from streamstt.compat.openai.errors import ApiError, JsonObject
from streamstt.events import Event, Final, Gap, Partial, State, Status
from streamstt.text.characters import SPACELESS_LANGUAGES

MIN_COMMIT_S = 0.1  # minimum audio of a commit
TRANSCRIPTION_EVENT = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class _Turn:
    """A turn: one item of the conversation.

    Attributes:
        item_id: Id of the item.
        start: Start (stream time, seconds).
        end: End (stream time, seconds); None while the turn is open.
        final_text: Text of its final captions.
        sent: Text that was sent to the client.
        audio_lost: Whether some of its audio was lost.
        discarded: Whether the client has cleared it.
        end_reported: Whether ``pop_ended`` has returned it.
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
    """Translates the events of one connection; knows no socket.

    Attributes:
        beta: Whether the client uses the beta protocol.
        detects_turns: Whether turns end when the speaker pauses; else when the client commits.
    """

    def __init__(self, *, beta: bool) -> None:
        """Starts without a turn; turns end when the speaker pauses.

        Args:
            beta: Whether the client uses the beta protocol.
        """
        self.detects_turns = True
        self.beta = beta
        self._id_prefix = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        # In order: turns that have ended and are not final yet, bounded by the source's buffer; then the open one.
        self._turns: deque[_Turn] = deque()
        self._growing_caption: tuple[str, _Turn] | None = None  # id of the partial caption, and its turn
        self._previous_item_id: str | None = None  # of the last item that the client knows
        self._boundary_s = 0.0  # stream time of the last commit, or of the last silence

    def make_event(self, kind: str, **fields: object) -> JsonObject:
        """Makes an event with a new id."""
        return {"type": kind, "event_id": f"event_{self._id_prefix}{next(self._numbers):05}", **fields}

    def translate(self, event: Event) -> list[JsonObject]:
        """Returns the events to send for an event of the hub."""
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
                turn, sent_events = self._find_turn(event.id, event.start)
                self._growing_caption = event.id, turn
                return sent_events + self._delta_events(turn, event.text[: event.stable], event.language)
            case Final():
                turn, sent_events = self._find_turn(event.id, event.start)
                self._growing_caption = None
                sent_events += self._delta_events(turn, event.text, event.language)
                turn.final_text = join_text(turn.final_text, event.text, event.language)
                return sent_events
            case Gap():
                for turn in self._turns:
                    turn.audio_lost |= (
                        event.start < (event.end if turn.end is None else turn.end) and event.end > turn.start
                    )
        return []

    def commit(self, at: float) -> list[JsonObject]:
        """Ends the turn at a stream time (s), as the client asks.

        Raises:
            ApiError: There is too little audio since the last commit.
        """
        if at - self._boundary_s < MIN_COMMIT_S:
            raise ApiError(
                f"buffer too small: a commit needs at least {MIN_COMMIT_S * 1000:.0f} ms of audio, "
                f"there are {max(0.0, at - self._boundary_s) * 1000:.0f} ms",
                "input_audio_buffer_commit_empty",
            )
        return self._commit_turn(self._open_turn or self._add_turn(self._boundary_s), at)

    def clear(self, at: float) -> list[JsonObject]:
        """Discards the open turn, as the client asks."""
        if turn := self._open_turn or (None if self.detects_turns else self._add_turn(self._boundary_s)):
            turn.end, turn.discarded = at, True
        self._boundary_s = at
        return [self.make_event("input_audio_buffer.cleared")]

    def pop_ended(self) -> list[tuple[str, float]]:
        """Returns the turns that ended since the last call: item id and stream time (s) of the end."""
        ended = [(turn.item_id, turn.end) for turn in self._turns if turn.end is not None and not turn.end_reported]
        for turn in self._turns:
            turn.end_reported = turn.end is not None
        return ended

    def complete_turn(self, item_id: str) -> list[JsonObject]:
        """Completes a turn all of which is final; returns the events to send."""
        turn = next((turn for turn in self._turns if turn.item_id == item_id), None)
        if turn is None:
            return []
        self._turns.remove(turn)
        return [] if turn.discarded else [self._completion_event(turn)]

    def close(self, at: float) -> list[JsonObject]:
        """Ends the conversation: completes the turns that have ended, as far as their text is known."""
        sent_events: list[JsonObject] = []
        if (turn := self._open_turn) and self.detects_turns:
            sent_events += self._commit_turn(turn, at)
        return sent_events + [
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
        """Returns the turn of a caption, and the events to send if the caption starts a new one."""
        if self._growing_caption and self._growing_caption[0] == caption:
            return self._growing_caption[1], []
        found = next((turn for turn in self._turns if turn.end is None or start < turn.end), None)
        if found:
            return found, []
        sent_events = self._start_turn(start) if self.detects_turns else []
        return (self._open_turn or self._add_turn(self._boundary_s)), sent_events

    def _delta_events(self, turn: _Turn, text: str, language: str) -> list[JsonObject]:
        """Sends the new words with the space before them; all deltas together are the transcript."""
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
        item = {"item_id": turn.item_id, "content_index": 0}
        if turn.audio_lost and not turn.sent:
            text = "this audio was not transcribed: the engine failed, or was too far behind"
            error = {"type": "server_error", "code": "audio_lost", "message": text, "param": None}
            return self.make_event(f"{TRANSCRIPTION_EVENT}.failed", **item, error=error)
        usage = {"type": "duration", "seconds": round((turn.end or turn.start) - turn.start, 3)}
        return self.make_event(f"{TRANSCRIPTION_EVENT}.completed", **item, transcript=turn.sent, usage=usage)


def join_text(before: str, text: str, language: str) -> str:
    """Appends text to a text, with a space between them if the language uses spaces."""
    space = "" if language in SPACELESS_LANGUAGES or not (before and text) else " "
    return before + space + text


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
