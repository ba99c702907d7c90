"""Translates captions into Deepgram's results. Pure: the caller brings the events and the position of the audio.

Our finals are Deepgram's ``is_final`` results, which cover disjoint times; our partials are its interim results. A
partial has neither word times nor probabilities, so its ``words`` is empty and its ``confidence`` 0.
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
MAX_CAPTION_DELAY_S = 1.0  # a spoken word is in a caption after at most this time


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """State of the source when events are translated.

    Attributes:
        position: Stream time up to which audio has arrived, in seconds.
        settled: Whether all speech so far is in finals.
    """

    position: float
    settled: bool


class ResultTranslator:
    """Translates the events of one connection; knows no socket.

    Finals become results at once. If no final reported the pause after it (``speech_final``), an empty result does.
    """

    def __init__(self, options: ListenOptions, daemon_info: DaemonInfo, request_id: str) -> None:
        """Starts without speech.

        Args:
            options: Options of the connection.
            daemon_info: Name of the model and version of the daemon.
            request_id: Identifies the connection.
        """
        self._options = options
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, daemon_info.model))
        info = {"name": daemon_info.model, "version": daemon_info.version, "arch": "whisper"}
        self._results_metadata = {"request_id": request_id, "model_info": info, "model_uuid": uid}
        self._summary_metadata = {"request_id": request_id, "models": [uid], "model_info": {uid: info}}
        self._sent_until = 0.0  # stream time that finals cover
        self._utterance_ended_at = 0.0  # stream time of the end of the last utterance
        self._speaking = False
        self._pause_due = False  # no result has reported the pause after the last final yet
        self._last_word_end: float | None = None  # stream time; None once UtteranceEnd was sent
        self._has_partial = False  # whether there is a partial, sent to the client or not
        self._finalizing = False

    def translate(self, events: Sequence[Event], now: StreamPosition) -> list[JsonObject]:
        """Returns the messages to send for events.

        Args:
            events: Events that were published together or waited together.
            now: State of the source when they arrived.
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
        """Returns whether ``translate`` would return messages without any event."""
        return self._has_paused(now) or self._has_utterance_ended(now)

    def _has_paused(self, now: StreamPosition) -> bool:
        return (
            self._options.endpointing and self._pause_due and now.settled and not (self._speaking or self._has_partial)
        )

    def _has_utterance_ended(self, now: StreamPosition) -> bool:
        if not self._options.utterance_end_ms or self._has_partial or self._last_word_end is None:
            return False
        silence_s = now.position - self._last_word_end - (MAX_CAPTION_DELAY_S if self._speaking else 0)
        return silence_s >= self._options.utterance_end_ms / 1000

    def request_finalize(self) -> None:
        """Notes that the client wants all speech so far to become final (``Finalize``)."""
        self._finalizing = True

    def finalize_reply(self) -> list[JsonObject]:
        """Returns the reply to ``Finalize``; nothing if a result has already served as the reply.

        Call it when all speech so far is final.
        """
        if not self._finalizing:
            return []
        self._finalizing = False
        return [self._empty_result({"speech_final": False, "from_finalize": True})]

    def configure_failure(self) -> JsonObject:
        """Returns the reply to ``Configure``: the vocabulary is a setting of the daemon, not of a client."""
        return {
            "type": "ConfigureFailure",
            "request_id": self._results_metadata["request_id"],
            "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
            "description": "names and terms are set by engine.vocabulary",
        }

    def metadata(self, created_at: str, sha256: str, duration: float) -> JsonObject:
        """Returns the last message of a connection.

        Args:
            created_at: Wall time (ISO 8601) at which the connection was opened.
            sha256: SHA-256 of all audio.
            duration: Duration of all audio, in seconds.
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
        """Makes a result; of finals that arrived together, the last one of an utterance reports the pause."""
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
        """Makes a result without words if the finals were sent before the speaker paused."""
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
        alternative = {"transcript": text, "confidence": confidence, "words": [_format_word(w) for w in words]}
        return {
            "type": "Results",
            "channel_index": CHANNEL_INDEX,
            "start": start,
            "duration": round(end - start, 3),
            **flags,
            "channel": {"alternatives": [alternative]},
            "metadata": self._results_metadata,
        }


def _format_word(word: Word) -> JsonObject:
    plain = re.sub(r"^\W+|\W+$", "", word.text).lower() or word.text
    times = {"start": word.start, "end": word.end, "confidence": word.probability}
    return {"word": plain, **times, "punctuated_word": word.text}
