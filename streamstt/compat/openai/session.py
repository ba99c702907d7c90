"""Configuration of a Realtime session: parses the client's updates, and describes it to the client. Pure.

Two versions of the protocol: the current one (``session.update`` with ``audio.input``), and beta (``OpenAI-Beta:
realtime=v1``, ``transcription_session.update`` without nesting).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamstt.compat.language import base_language
from streamstt.compat.openai.errors import ApiError, JsonObject

SAMPLE_RATE_HZ = 24_000  # the only rate that these clients send
PAUSE_RANGE_MS = 300, 5000  # shorter silences occur within sentences: a cut there costs words
BETA_DEFAULT_MODEL = "whisper-1"  # beta clients know none of our model names


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Configuration of a session.

    Attributes:
        beta: Whether the client uses the beta protocol.
        model: Name that the client gives the model; the daemon has only one.
        language: Language code; empty: the daemon's setting.
        detects_turns: Whether turns end when the speaker pauses; else when the client commits.
        pause_ms: Silence that counts as a pause; 0: the daemon's setting.
    """

    beta: bool
    model: str
    language: str = ""
    detects_turns: bool = True
    pause_ms: int = 0


def update_config(config: SessionConfig, session: object) -> SessionConfig:
    """Applies an update; what it does not mention stays the same.

    Args:
        config: Configuration before the update.
        session: The ``session`` of ``session.update`` or ``transcription_session.update``.

    Raises:
        ApiError: A value is invalid or not supported.
    """
    if not isinstance(session, dict):
        raise ApiError("session must be an object", param="session")
    if config.beta:
        return _update_beta_config(config, session)
    if session.get("type", "transcription") != "transcription":
        raise ApiError("this daemon only transcribes: session.type must be transcription", param="session.type")
    audio = _get_object(session, "audio", "session")
    audio_input = _get_object(audio, "input", "session.audio")
    path = "session.audio.input"
    if (audio_format := audio_input.get("format")) is not None and audio_format not in _FORMATS:
        raise ApiError(
            f"audio must be audio/pcm at {SAMPLE_RATE_HZ} Hz; G.711 is not supported", param=f"{path}.format"
        )
    config = _update_transcription(config, audio_input, "transcription", path)
    return _update_turn_detection(config, audio_input, path)


_FORMATS: tuple[Mapping[str, Any], ...] = ({"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}, {"type": "audio/pcm"})


def _update_beta_config(config: SessionConfig, session: JsonObject) -> SessionConfig:
    if session.get("input_audio_format", "pcm16") != "pcm16":
        raise ApiError(
            f"audio must be pcm16 at {SAMPLE_RATE_HZ} Hz; G.711 is not supported", param="session.input_audio_format"
        )
    config = _update_transcription(config, session, "input_audio_transcription", "session")
    return _update_turn_detection(config, session, "session")


def _update_transcription(config: SessionConfig, section: JsonObject, key: str, path: str) -> SessionConfig:
    """Applies model and language; ``prompt`` is accepted and ignored (see ``engine.vocabulary``)."""
    transcription = _get_object(section, key, path)
    model, tag = transcription.get("model") or config.model, transcription.get("language", config.language) or ""
    if not isinstance(model, str) or len(model) > 100:
        raise ApiError("model must be a name", param=f"{path}.{key}.model")
    language = base_language(tag) if isinstance(tag, str) else "?"
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ApiError(f"language {str(tag)[:20]!r} is not a code such as en", param=f"{path}.{key}.language")
    return replace(config, model=model, language=language)


def _update_turn_detection(config: SessionConfig, section: JsonObject, path: str) -> SessionConfig:
    if "turn_detection" not in section:
        return config
    detection = section["turn_detection"]
    if detection is None:
        return replace(config, detects_turns=False)
    if not isinstance(detection, dict) or detection.get("type", "server_vad") != "server_vad":
        raise ApiError("turn_detection must be server_vad or null", param=f"{path}.turn_detection.type")
    low, high = PAUSE_RANGE_MS
    pause = detection.get("silence_duration_ms") or config.pause_ms
    if not isinstance(pause, int | float) or math.isnan(pause):
        raise ApiError("silence_duration_ms must be a number", param=f"{path}.turn_detection.silence_duration_ms")
    return replace(config, detects_turns=True, pause_ms=round(min(max(pause, low), high)) if pause else 0)


def _get_object(data: JsonObject, key: str, path: str) -> JsonObject:
    value = data.get(key)
    if not isinstance(value, dict | None):
        raise ApiError(f"{path}.{key} must be an object", param=f"{path}.{key}")
    return value or {}


def describe_session(config: SessionConfig, session_id: str) -> JsonObject:
    """Describes a session to its client. Other parameters of the detector are settings of the daemon.

    Args:
        config: Configuration of the session.
        session_id: Id of the session.
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
    audio_format = {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}
    audio_input = {
        "format": audio_format,
        "transcription": transcription,
        "noise_reduction": None,
        "turn_detection": detection,
    }
    return {
        "type": "transcription",
        "id": session_id,
        "object": "realtime.transcription_session",
        "audio": {"input": audio_input},
        "include": None,
    }
