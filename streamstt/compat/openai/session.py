"""What a Realtime client wants of its session, and what it is told that it has. Pure.

Two dialects: the present one (``session.update`` with ``audio.input``), and the former, "beta" (``OpenAI-Beta:
realtime=v1``, ``transcription_session.update`` with everything flat).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamstt.compat.language import base_language
from streamstt.compat.openai.errors import ApiError, JsonObject

SAMPLE_RATE_HZ = 24_000  # Hz: the only one that these clients send
PAUSE_RANGE_MS = 300, 5000  # shorter silences are within sentences: a cut there costs words
BETA_DEFAULT_MODEL = "whisper-1"  # a former client knows no name of ours


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """A session's settings.

    Attributes:
        beta: It speaks the former dialect.
        model: As the client calls it; the daemon has one.
        language: Code; empty: the daemon's setting.
        detects_turns: Turns end when the speaker pauses; else when the client commits.
        pause_ms: Silence that is a pause; 0: as the daemon has it.
    """

    beta: bool
    model: str
    language: str = ""
    detects_turns: bool = True
    pause_ms: int = 0


def update_config(config: SessionConfig, session: object) -> SessionConfig:
    """The settings after an update; what it does not mention stays.

    Args:
        config: Before.
        session: Of ``session.update`` or ``transcription_session.update``.

    Raises:
        ApiError: It asks for what the daemon does not do.
    """
    if not isinstance(session, dict):
        raise ApiError("session must be an object", param="session")
    if config.beta:
        return _update_beta_config(config, session)
    if session.get("type", "transcription") != "transcription":
        raise ApiError(
            "this daemon transcribes, and does not answer: session.type can only be transcription", param="session.type"
        )
    audio = _get_object(session, "audio", "session")
    given = _get_object(audio, "input", "session.audio")
    at = "session.audio.input"
    if (form := given.get("format")) is not None and form not in _FORMATS:
        raise ApiError(f"audio is audio/pcm at {SAMPLE_RATE_HZ} Hz; G.711 is not understood", param=f"{at}.format")
    config = _update_transcription(config, given, "transcription", at)
    return _update_turn_detection(config, given, at)


_FORMATS: tuple[Mapping[str, Any], ...] = ({"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}, {"type": "audio/pcm"})


def _update_beta_config(config: SessionConfig, session: JsonObject) -> SessionConfig:
    if session.get("input_audio_format", "pcm16") != "pcm16":
        raise ApiError(
            f"audio is pcm16 at {SAMPLE_RATE_HZ} Hz; G.711 is not understood", param="session.input_audio_format"
        )
    config = _update_transcription(config, session, "input_audio_transcription", "session")
    return _update_turn_detection(config, session, "session")


def _update_transcription(config: SessionConfig, section: JsonObject, key: str, path: str) -> SessionConfig:
    """Model and language; ``prompt`` is taken, for the words to expect are the daemon's (``engine.vocabulary``)."""
    wanted = _get_object(section, key, path)
    model, tag = wanted.get("model") or config.model, wanted.get("language", config.language) or ""
    if not isinstance(model, str) or len(model) > 100:
        raise ApiError("model must be a name", param=f"{path}.{key}.model")
    language = base_language(tag) if isinstance(tag, str) else "?"
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ApiError(f"language {str(tag)[:20]!r} is not a code such as en", param=f"{path}.{key}.language")
    return replace(config, model=model, language=language)


def _update_turn_detection(config: SessionConfig, section: JsonObject, path: str) -> SessionConfig:
    if "turn_detection" not in section:
        return config
    wanted = section["turn_detection"]
    if wanted is None:
        return replace(config, detects_turns=False)
    if not isinstance(wanted, dict) or wanted.get("type", "server_vad") != "server_vad":
        raise ApiError("turn_detection can be server_vad, or null", param=f"{path}.turn_detection.type")
    low, high = PAUSE_RANGE_MS
    pause = wanted.get("silence_duration_ms") or config.pause_ms
    if not isinstance(pause, int | float) or math.isnan(pause):
        raise ApiError("silence_duration_ms must be a number", param=f"{path}.turn_detection.silence_duration_ms")
    return replace(config, detects_turns=True, pause_ms=round(min(max(pause, low), high)) if pause else 0)


def _get_object(data: JsonObject, key: str, path: str) -> JsonObject:
    value = data.get(key)
    if not isinstance(value, dict | None):
        raise ApiError(f"{path}.{key} must be an object", param=f"{path}.{key}")
    return value or {}


def describe_session(config: SessionConfig, session_id: str) -> JsonObject:
    """The session as its client is told of it. The detector's other numbers are the daemon's settings.

    Args:
        config: Its settings.
        session_id: Its id.
    """
    transcription = {"model": config.model} | ({"language": config.language} if config.language else {})
    pause = {"silence_duration_ms": config.pause_ms} if config.pause_ms else {}
    detection = {"type": "server_vad"} | pause if config.detects_turns else None
    if config.beta:
        return {
            "id": session_id,
            "object": "realtime.transcription_session",
            "input_audio_format": "pcm16",
            "input_audio_transcription": transcription,
            "turn_detection": detection,
        }
    form = {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}
    heard = {"format": form, "transcription": transcription, "noise_reduction": None, "turn_detection": detection}
    return {
        "type": "transcription",
        "id": session_id,
        "object": "realtime.transcription_session",
        "audio": {"input": heard},
        "include": None,
    }
