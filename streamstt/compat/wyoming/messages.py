"""Home Assistant's Wyoming protocol: what its clients ask for, and captions in its words. Pure.

Source: github.com/OHF-Voice/wyoming, "Event Types" (1.10).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from streamstt.captioning.remote_source import RemoteSourceRequest
from streamstt.compat.language import base_language
from streamstt.compat.wyoming.wire import WyomingEvent
from streamstt.events import Event, Final, Partial
from streamstt.hub.protocol import ClientError, DaemonInfo
from streamstt.server.client_audio import check_format


class TranscriptBuilder:
    """The words of one stream of audio, told in chunks as they can no longer change; together they are the whole."""

    def __init__(self) -> None:
        """Nothing is said yet."""
        self.text = ""  # of all finals
        self._sent = ""

    def update(self, event: Event) -> str:
        """The words that are sure since the last event, with the space before them."""
        match event:
            case Partial():
                sure = self._append_to_finals(event.text[: event.stable])
            case Final():
                self.text = sure = self._append_to_finals(event.text)
            case _:
                return ""
        chunk = sure[len(self._sent) :]
        self._sent += chunk
        return chunk

    def _append_to_finals(self, text: str) -> str:
        """The finals so far, and this behind them."""
        return f"{self.text} {text}" if self.text and text else self.text or text


def make_info(daemon_info: DaemonInfo, languages: Sequence[str]) -> WyomingEvent:
    """The answer to ``make_info``.

    Args:
        daemon_info: The daemon.
        languages: Those that its model knows.
    """
    common = {"installed": True, "version": daemon_info.version}
    model = {
        "name": daemon_info.model,
        "languages": list(languages),
        "attribution": {"name": "OpenAI", "url": "https://github.com/openai/whisper"},
        "description": f"Whisper {daemon_info.model}",
    }
    program = {
        "name": "streamstt",
        "attribution": {"name": "streamstt", "url": ""},
        "description": "Live captions while people are still speaking",
        "models": [model | common],
        "supports_transcript_streaming": True,
        "requires_external_vad": True,
    }
    return WyomingEvent("info", {"asr": [program | common]})


def parse_language(transcribe: Mapping[str, Any]) -> str:
    """The language that a ``transcribe`` asks for: a code, or empty for the engine's setting.

    Raises:
        ClientError: It is none.
    """
    asked = transcribe.get("language") or ""
    language = base_language(asked) if isinstance(asked, str) else "?"
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ClientError("bad_language", f"language {str(asked)[:20]!r} is not a code such as en")
    return language


def parse_format(audio: Mapping[str, Any]) -> tuple[int, int]:
    """Rate and channels that an ``audio-start`` or ``audio-chunk`` tells.

    Raises:
        ClientError: They cannot be heard.
    """
    rate, width, channels = (audio.get(key) for key in ("rate", "width", "channels"))
    if type(rate) is not int or type(channels) is not int or width != 2:
        raise ClientError("bad_audio", "audio must tell rate and channels, and be 2 bytes wide (s16le)")
    check_format(rate, channels)
    return rate, channels


def make_source_request(language: str, rate: int) -> RemoteSourceRequest:
    """A client's stream as a source."""
    return RemoteSourceRequest("wyoming", rate, language)


def make_transcript(text: str, language: str) -> WyomingEvent:
    """The whole text of a stream."""
    return WyomingEvent("transcript", {"text": text} | ({"language": language} if language not in {"", "auto"} else {}))


def make_error(error: ClientError) -> WyomingEvent:
    """What a client is told before its connection is closed."""
    return WyomingEvent("error", {"text": str(error), "code": error.code})
