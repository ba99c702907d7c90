"""Parses the options of a Deepgram client in ``/v1/listen?...``. Pure.

Source: developers.deepgram.com/reference/speech-to-text/listen-streaming. All other options (``model``,
``punctuate``, ``smart_format``, ``diarize``, ``keyterm``...) are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from streamstt.compat.language import base_language
from streamstt.hub.protocol import ClientError
from streamstt.server.client_audio import check_format
from streamstt.server.requests import parse_query, sanitize_source_name

MAX_FIELDS = 200  # clients send dozens, and a keyterm for each name
PAUSE_RANGE_MS = 300, 5000  # shorter silences occur within sentences: a cut there costs words
FALSE_VALUES = {"", "false", "0", "off", "no"}


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """Options of a connection.

    Attributes:
        name: Name of the source.
        rate: Sample rate (Hz).
        channels: Number of channels, which are mixed down.
        language: Language code, ``auto``, or empty for the engine's setting.
        interim: Whether to send partial captions (interim results).
        endpointing: Whether results report that the speaker has paused (``speech_final``).
        pause_ms: Silence that counts as a pause; 0: the daemon's setting.
        vad_events: Whether to report the start of speech.
        utterance_end_ms: Time without a new word after which UtteranceEnd is sent; 0: never.
    """

    name: str = "deepgram"
    rate: int = 16000
    channels: int = 1
    language: str = ""
    interim: bool = False
    endpointing: bool = True
    pause_ms: int = 0
    vad_events: bool = False
    utterance_end_ms: int = 0


def parse_listen(target: str) -> ListenOptions:
    """Parses path and query.

    Raises:
        ClientError: An option is invalid or not supported.
    """
    query = parse_query(target, MAX_FIELDS)
    _check_encoding(query)
    rate, channels = _parse_number(query, "sample_rate", "0"), _parse_number(query, "channels", "1")
    check_format(rate, channels)
    if _parse_flag(query, "multichannel") and channels > 1:
        raise ClientError("bad_channels", "multichannel is not supported: open one connection per channel")
    language = "auto" if _parse_flag(query, "detect_language") else base_language(query.get("language", ""))
    if not re.fullmatch(r"([a-z]{2,3}|auto|multi)?", language):
        raise ClientError("bad_language", f"language={language[:20]!r} is not a code such as en or en-US, or multi")
    return ListenOptions(
        name=sanitize_source_name(query.get("name", "")) or "deepgram",
        rate=rate,
        channels=channels,
        language="auto" if language == "multi" else language,
        interim=_parse_flag(query, "interim_results"),
        endpointing=_parse_flag(query, "endpointing", "true"),
        pause_ms=_parse_pause_ms(query.get("endpointing", "")),
        vad_events=_parse_flag(query, "vad_events"),
        utterance_end_ms=_parse_number(query, "utterance_end_ms", "0"),
    )


def _check_encoding(query: Mapping[str, str]) -> None:
    encoding = query.get("encoding", "linear16" if "sample_rate" in query else "")
    if encoding != "linear16" or "sample_rate" not in query:
        requested = f"not {encoding[:20]!r}" if encoding else "and no containers such as WAV"
        raise ClientError(
            "bad_encoding", f"audio must be encoding=linear16 with its sample_rate, {requested}: convert it first"
        )


def _parse_number(query: Mapping[str, str], name: str, default: str) -> int:
    text = query.get(name, default)
    if not re.fullmatch(r"\d{1,6}", text):
        raise ClientError("bad_number", f"{name}={text[:20]!r} is not a number")
    return int(text)


def _parse_pause_ms(endpointing: str) -> int:
    low, high = PAUSE_RANGE_MS
    return min(max(int(endpointing), low), high) if re.fullmatch(r"0*[1-9]\d{0,5}", endpointing) else 0


def _parse_flag(query: Mapping[str, str], name: str, default: str = "false") -> bool:
    return query.get(name, default).lower() not in FALSE_VALUES
