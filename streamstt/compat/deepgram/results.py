"""Captions in Deepgram's words. Pure: whoever holds it brings events, and how far the audio is.

Our finals are Deepgram's ``is_final`` results, which cover disjoint times; our partials are its interim results. A
partial has no times of words and no probabilities: ``words`` is empty then, and ``confidence`` 0.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamstt.compat.deepgram.options import Options
from streamstt.events import Event, Final, Partial, State, Status, Word
from streamstt.hub.protocol import DaemonInfo

Data = dict[str, Any]
MONO = [0, 1]  # channel 0 of 1
SHOWN_S = 1.0  # a word is shown at the latest so long after it was said


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known besides the events.

    Attributes:
        position: Stream time up to which audio has come, in seconds.
        settled: Whether all that was said is in finals.
    """

    position: float
    settled: bool


class Results:
    """Of one connection."""

    def __init__(self, options: Options, about: DaemonInfo, request_id: str) -> None:
        """Nothing is said yet.

        Args:
            options: What is to be told.
            about: The daemon, whose model is named.
            request_id: Names the connection.
        """
        self._options = options
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, about.model))
        info = {"name": about.model, "version": about.version, "arch": "whisper"}
        self._of_results = {"request_id": request_id, "model_info": info, "model_uuid": uid}
        self._of_metadata = {"request_id": request_id, "models": [uid], "model_info": {uid: info}}
        self._told = 0.0  # stream time up to which finals reach
        self._closed = 0.0  # stream time at which the last utterance ended
        self._speaking = False
        self._unpaused = False  # since a final was told, no result has said that the speaker paused
        self._last_word: float | None = None  # its end, until it is known that none follows soon
        self._open = False  # words are shown that are not final
        self._finalizing = False

    def take(self, events: Sequence[Event], now: Moment) -> list[Data]:
        """What to send.

        Args:
            events: Published together, or waiting together.
            now: As of their coming.
        """
        sent: list[Data] = []
        for i, event in enumerate(events):
            match event:
                case Status(state=State.SPEECH):
                    self._speaking = True
                    speech = {"type": "SpeechStarted", "channel": MONO, "timestamp": now.position}
                    sent += [speech] if self._options.vad_events else []
                case Status():
                    self._speaking = False
                    self._closed = now.position
                case Partial():
                    self._open = bool(event.text)
                    sent += [self._interim(event)] if self._options.interim else []
                case Final():
                    later = [e for e in events[i + 1 :] if isinstance(e, Final)]
                    sent.append(self._final(event, later, now))
        return [*sent, *self._pause(now), *self._utterance_end(now)]

    def due(self, now: Moment) -> bool:
        """Whether ``take`` has something to say without any event."""
        return self._has_paused(now) or self._has_ended(now)

    def _has_paused(self, now: Moment) -> bool:
        return self._options.endpointing and self._unpaused and now.settled and not (self._speaking or self._open)

    def _has_ended(self, now: Moment) -> bool:
        if not self._options.utterance_end_ms or self._open or self._last_word is None:
            return False
        silent_s = now.position - self._last_word - (SHOWN_S if self._speaking else 0)
        return silent_s >= self._options.utterance_end_ms / 1000

    def finalize(self) -> None:
        """The client wants all that was said so far to be final."""
        self._finalizing = True

    def finalized(self) -> list[Data]:
        """It is; this tells it, if no result could."""
        if not self._finalizing:
            return []
        self._finalizing = False
        return [self._nothing({"speech_final": False, "from_finalize": True})]

    def unchanged(self) -> Data:
        """The answer to ``Configure``: names to expect are the daemon's, not a client's."""
        return {
            "type": "ConfigureFailure",
            "request_id": self._of_results["request_id"],
            "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
            "description": "names and terms are set by engine.vocabulary",
        }

    def metadata(self, created: str, sha256: str, duration: float) -> Data:
        """The last message.

        Args:
            created: Wall time (ISO 8601) of the connection.
            sha256: Of all the audio.
            duration: Of it, in seconds.
        """
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "sha256": sha256,
            "created": created,
            "duration": duration,
            "channels": self._options.channels,
        } | self._of_metadata

    def _interim(self, partial: Partial) -> Data:
        flags = {"is_final": False, "speech_final": False, "from_finalize": False}
        return self._results(partial.text, (), (partial.start, partial.end), flags)

    def _final(self, final: Final, later: Sequence[Final], now: Moment) -> Data:
        """A result; of the finals that came with it, the last one of an utterance says that the speaker has paused."""
        self._open = False
        if final.words:
            self._last_word = final.words[-1].end
        paused = final.end <= self._closed and not any(f.end <= self._closed for f in later)
        finalized = self._finalizing and now.settled and not later
        self._finalizing = self._finalizing and not finalized
        self._unpaused = not paused
        flags = {"is_final": True, "speech_final": self._options.endpointing and paused, "from_finalize": finalized}
        return self._results(final.text, final.words, (final.start, final.end), flags)

    def _pause(self, now: Moment) -> list[Data]:
        """A result without words, when all were told before the speaker paused."""
        if not self._has_paused(now):
            return []
        finalized, self._finalizing, self._unpaused = self._finalizing, False, False
        return [self._nothing({"speech_final": True, "from_finalize": finalized})]

    def _nothing(self, flags: dict[str, bool]) -> Data:
        return self._results("", (), (self._told, self._closed), {"is_final": True} | flags)

    def _utterance_end(self, now: Moment) -> list[Data]:
        if not self._has_ended(now):
            return []
        last, self._last_word = self._last_word, None
        return [{"type": "UtteranceEnd", "channel": MONO, "last_word_end": last}]

    def _results(self, text: str, words: Sequence[Word], span: tuple[float, float], flags: dict[str, bool]) -> Data:
        start, end = (max(at, self._told) for at in span)
        self._told = end if flags["is_final"] else self._told
        confidence = round(sum(w.probability for w in words) / len(words), 3) if words else 0.0
        said = {"transcript": text, "confidence": confidence, "words": [_word(w) for w in words]}
        return {
            "type": "Results",
            "channel_index": MONO,
            "start": start,
            "duration": round(end - start, 3),
            **flags,
            "channel": {"alternatives": [said]},
            "metadata": self._of_results,
        }


def _word(word: Word) -> Data:
    plain = re.sub(r"^\W+|\W+$", "", word.text).lower() or word.text
    times = {"start": word.start, "end": word.end, "confidence": word.probability}
    return {"word": plain, **times, "punctuated_word": word.text}
