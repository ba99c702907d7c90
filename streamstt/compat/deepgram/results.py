"""Captions in Deepgram's words. Pure: whoever holds it brings events, and how far the audio is.

Our finals are Deepgram's ``is_final`` results, which cover disjoint times; our partials are its interim results. A
partial has no times of words and no probabilities: ``words`` is empty then, and ``confidence`` 0.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamstt.compat.deepgram.options import ListenOptions
from streamstt.events import Event, Final, Partial, State, Status, Word
from streamstt.hub.protocol import DaemonInfo

JsonObject = dict[str, Any]
CHANNEL_INDEX = [0, 1]  # channel 0 of 1
MAX_CAPTION_DELAY_S = 1.0  # a word is shown at the latest so long after it was said


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """What is known besides the events.

    Attributes:
        position: Stream time up to which audio has come, in seconds.
        settled: Whether all that was said is in finals.
    """

    position: float
    settled: bool


class ResultTranslator:
    """Of one connection."""

    def __init__(self, options: ListenOptions, daemon_info: DaemonInfo, request_id: str) -> None:
        """Nothing is said yet.

        Args:
            options: What is to be told.
            daemon_info: The daemon, whose model is named.
            request_id: Names the connection.
        """
        self._options = options
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, daemon_info.model))
        info = {"name": daemon_info.model, "version": daemon_info.version, "arch": "whisper"}
        self._results_metadata = {"request_id": request_id, "model_info": info, "model_uuid": uid}
        self._summary_metadata = {"request_id": request_id, "models": [uid], "model_info": {uid: info}}
        self._sent_until = 0.0  # stream time up to which finals reach
        self._utterance_ended_at = 0.0  # stream time at which the last utterance ended
        self._speaking = False
        self._pause_due = False  # since a final was told, no result has said that the speaker paused
        self._last_word_end: float | None = None  # its end, until it is known that none follows soon
        self._has_partial = False  # words are shown that are not final
        self._finalizing = False

    def translate(self, events: Sequence[Event], now: StreamPosition) -> list[JsonObject]:
        """What to send.

        Args:
            events: Published together, or waiting together.
            now: As of their coming.
        """
        sent: list[JsonObject] = []
        for i, event in enumerate(events):
            match event:
                case Status(state=State.SPEECH):
                    self._speaking = True
                    speech = {"type": "SpeechStarted", "channel": CHANNEL_INDEX, "timestamp": now.position}
                    sent += [speech] if self._options.vad_events else []
                case Status():
                    self._speaking = False
                    self._utterance_ended_at = now.position
                case Partial():
                    self._has_partial = bool(event.text)
                    sent += [self._interim_result(event)] if self._options.interim else []
                case Final():
                    later = [e for e in events[i + 1 :] if isinstance(e, Final)]
                    sent.append(self._final_result(event, later, now))
        return [*sent, *self._pause_result(now), *self._utterance_end(now)]

    def has_output(self, now: StreamPosition) -> bool:
        """Whether ``translate`` has something to say without any event."""
        return self._has_paused(now) or self._has_utterance_ended(now)

    def _has_paused(self, now: StreamPosition) -> bool:
        return (
            self._options.endpointing and self._pause_due and now.settled and not (self._speaking or self._has_partial)
        )

    def _has_utterance_ended(self, now: StreamPosition) -> bool:
        if not self._options.utterance_end_ms or self._has_partial or self._last_word_end is None:
            return False
        silent_s = now.position - self._last_word_end - (MAX_CAPTION_DELAY_S if self._speaking else 0)
        return silent_s >= self._options.utterance_end_ms / 1000

    def request_finalize(self) -> None:
        """The client wants all that was said so far to be final."""
        self._finalizing = True

    def finalize_reply(self) -> list[JsonObject]:
        """It is; this tells it, if no result could."""
        if not self._finalizing:
            return []
        self._finalizing = False
        return [self._empty_result({"speech_final": False, "from_finalize": True})]

    def configure_failure(self) -> JsonObject:
        """The answer to ``Configure``: names to expect are the daemon's, not a client's."""
        return {
            "type": "ConfigureFailure",
            "request_id": self._results_metadata["request_id"],
            "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
            "description": "names and terms are set by engine.vocabulary",
        }

    def metadata(self, created_at: str, sha256: str, duration: float) -> JsonObject:
        """The last message.

        Args:
            created_at: Wall time (ISO 8601) of the connection.
            sha256: Of all the audio.
            duration: Of it, in seconds.
        """
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "sha256": sha256,
            "created": created_at,
            "duration": duration,
            "channels": self._options.channels,
        } | self._summary_metadata

    def _interim_result(self, partial: Partial) -> JsonObject:
        flags = {"is_final": False, "speech_final": False, "from_finalize": False}
        return self._make_result(partial.text, (), (partial.start, partial.end), flags)

    def _final_result(self, final: Final, later: Sequence[Final], now: StreamPosition) -> JsonObject:
        """A result; of the finals that came with it, the last one of an utterance says that the speaker has paused."""
        self._has_partial = False
        if final.words:
            self._last_word_end = final.words[-1].end
        paused = final.end <= self._utterance_ended_at and not any(f.end <= self._utterance_ended_at for f in later)
        finalized = self._finalizing and now.settled and not later
        self._finalizing = self._finalizing and not finalized
        self._pause_due = not paused
        flags = {"is_final": True, "speech_final": self._options.endpointing and paused, "from_finalize": finalized}
        return self._make_result(final.text, final.words, (final.start, final.end), flags)

    def _pause_result(self, now: StreamPosition) -> list[JsonObject]:
        """A result without words, when all were told before the speaker paused."""
        if not self._has_paused(now):
            return []
        finalized, self._finalizing, self._pause_due = self._finalizing, False, False
        return [self._empty_result({"speech_final": True, "from_finalize": finalized})]

    def _empty_result(self, flags: dict[str, bool]) -> JsonObject:
        return self._make_result("", (), (self._sent_until, self._utterance_ended_at), {"is_final": True} | flags)

    def _utterance_end(self, now: StreamPosition) -> list[JsonObject]:
        if not self._has_utterance_ended(now):
            return []
        last, self._last_word_end = self._last_word_end, None
        return [{"type": "UtteranceEnd", "channel": CHANNEL_INDEX, "last_word_end": last}]

    def _make_result(
        self, text: str, words: Sequence[Word], span: tuple[float, float], flags: dict[str, bool]
    ) -> JsonObject:
        start, end = (max(at, self._sent_until) for at in span)
        self._sent_until = end if flags["is_final"] else self._sent_until
        confidence = round(sum(w.probability for w in words) / len(words), 3) if words else 0.0
        said = {"transcript": text, "confidence": confidence, "words": [_format_word(w) for w in words]}
        return {
            "type": "Results",
            "channel_index": CHANNEL_INDEX,
            "start": start,
            "duration": round(end - start, 3),
            **flags,
            "channel": {"alternatives": [said]},
            "metadata": self._results_metadata,
        }


def _format_word(word: Word) -> JsonObject:
    plain = re.sub(r"^\W+|\W+$", "", word.text).lower() or word.text
    times = {"start": word.start, "end": word.end, "confidence": word.probability}
    return {"word": plain, **times, "punctuated_word": word.text}
