"""What a Realtime client wants of its session, and what it is told that it has. Pure.

Two dialects: the present one (``session.update`` with ``audio.input``), and the former, "beta" (``OpenAI-Beta:
realtime=v1``, ``transcription_session.update`` with everything flat).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamstt.compat.client_audio import base_language
from streamstt.compat.openai.errors import ApiError, Data

RATE = 24_000  # Hz: the only one that these clients send
PAUSE_MS = 300, 5000  # shorter silences are within sentences: a cut there costs words
FORMER_DEFAULT = "whisper-1"  # a former client knows no name of ours


@dataclass(frozen=True, slots=True)
class Wishes:
    """A session's settings.

    Attributes:
        former: It speaks the former dialect.
        model: As the client calls it; the daemon has one.
        language: Code; empty: the daemon's setting.
        detects: Turns end when the speaker pauses; else when the client commits.
        pause_ms: Silence that is a pause; 0: as the daemon has it.
    """

    former: bool
    model: str
    language: str = ""
    detects: bool = True
    pause_ms: int = 0


def updated(wishes: Wishes, session: object) -> Wishes:
    """The settings after an update; what it does not mention stays.

    Args:
        wishes: Before.
        session: Of ``session.update`` or ``transcription_session.update``.

    Raises:
        ApiError: It asks for what the daemon does not do.
    """
    if not isinstance(session, dict):
        raise ApiError("session must be an object", param="session")
    if wishes.former:
        return _updated_former(wishes, session)
    if session.get("type", "transcription") != "transcription":
        raise ApiError(
            "this daemon transcribes, and does not answer: session.type can only be transcription", param="session.type"
        )
    audio = _object(session, "audio", "session")
    given = _object(audio, "input", "session.audio")
    at = "session.audio.input"
    if (form := given.get("format")) is not None and form not in _FORMATS:
        raise ApiError(f"audio is audio/pcm at {RATE} Hz; G.711 is not understood", param=f"{at}.format")
    wishes = _transcription(wishes, given, "transcription", at)
    return _detection(wishes, given, at)


_FORMATS: tuple[Mapping[str, Any], ...] = ({"type": "audio/pcm", "rate": RATE}, {"type": "audio/pcm"})


def _updated_former(wishes: Wishes, session: Data) -> Wishes:
    if session.get("input_audio_format", "pcm16") != "pcm16":
        raise ApiError(f"audio is pcm16 at {RATE} Hz; G.711 is not understood", param="session.input_audio_format")
    wishes = _transcription(wishes, session, "input_audio_transcription", "session")
    return _detection(wishes, session, "session")


def _transcription(wishes: Wishes, given: Data, key: str, at: str) -> Wishes:
    """Model and language; ``prompt`` is taken, for the words to expect are the daemon's (``engine.vocabulary``)."""
    wanted = _object(given, key, at)
    model, tag = wanted.get("model") or wishes.model, wanted.get("language", wishes.language) or ""
    if not isinstance(model, str) or len(model) > 100:
        raise ApiError("model must be a name", param=f"{at}.{key}.model")
    language = base_language(tag) if isinstance(tag, str) else "?"
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ApiError(f"language {str(tag)[:20]!r} is not a code such as en", param=f"{at}.{key}.language")
    return replace(wishes, model=model, language=language)


def _detection(wishes: Wishes, given: Data, at: str) -> Wishes:
    if "turn_detection" not in given:
        return wishes
    wanted = given["turn_detection"]
    if wanted is None:
        return replace(wishes, detects=False)
    if not isinstance(wanted, dict) or wanted.get("type", "server_vad") != "server_vad":
        raise ApiError("turn_detection can be server_vad, or null", param=f"{at}.turn_detection.type")
    low, high = PAUSE_MS
    pause = wanted.get("silence_duration_ms") or wishes.pause_ms
    if not isinstance(pause, int | float) or math.isnan(pause):
        raise ApiError("silence_duration_ms must be a number", param=f"{at}.turn_detection.silence_duration_ms")
    return replace(wishes, detects=True, pause_ms=round(min(max(pause, low), high)) if pause else 0)


def _object(data: Data, key: str, at: str) -> Data:
    value = data.get(key)
    if not isinstance(value, dict | None):
        raise ApiError(f"{at}.{key} must be an object", param=f"{at}.{key}")
    return value or {}


def described(wishes: Wishes, name: str) -> Data:
    """The session as its client is told of it. The detector's other numbers are the daemon's settings.

    Args:
        wishes: Its settings.
        name: Its id.
    """
    transcription = {"model": wishes.model} | ({"language": wishes.language} if wishes.language else {})
    pause = {"silence_duration_ms": wishes.pause_ms} if wishes.pause_ms else {}
    detection = {"type": "server_vad"} | pause if wishes.detects else None
    if wishes.former:
        return {
            "id": name,
            "object": "realtime.transcription_session",
            "input_audio_format": "pcm16",
            "input_audio_transcription": transcription,
            "turn_detection": detection,
        }
    form = {"type": "audio/pcm", "rate": RATE}
    heard = {"format": form, "transcription": transcription, "noise_reduction": None, "turn_detection": detection}
    return {
        "type": "transcription",
        "id": name,
        "object": "realtime.transcription_session",
        "audio": {"input": heard},
        "include": None,
    }
