"""Events of Home Assistant's Wyoming protocol: parses those of clients, makes those of the daemon. Pure.

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
    """Builds the transcript of one audio stream in chunks of stable words.

    Attributes:
        text: Text of all finals.
    """

    def __init__(self) -> None:
        self.text = ""
        self._sent = ""

    def update(self, event: Event) -> str:
        """Returns the words that became stable with an event, with the space before them."""
        match event:
            case Partial():
                stable = self._append_to_finals(event.text[: event.stable])
            case Final():
                self.text = stable = self._append_to_finals(event.text)
            case _:
                return ""
        chunk = stable[len(self._sent) :]
        self._sent += chunk
        return chunk

    def _append_to_finals(self, text: str) -> str:
        """Returns the text of the finals followed by another text."""
        return f"{self.text} {text}" if self.text and text else self.text or text


def make_info(daemon_info: DaemonInfo, languages: Sequence[str]) -> WyomingEvent:
    """Makes the reply to ``describe``.

    Args:
        daemon_info: Version and model of the daemon.
        languages: Language codes of the model.
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
    """Returns the language of a ``transcribe`` event: a code, or empty for the engine's setting.

    Raises:
        ClientError: It is not a language code.
    """
    tag = transcribe.get("language") or ""
    language = base_language(tag) if isinstance(tag, str) else "?"
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ClientError("bad_language", f"language {str(tag)[:20]!r} is not a code such as en")
    return language


def parse_format(audio: Mapping[str, Any]) -> tuple[int, int]:
    """Returns sample rate (Hz) and channels of an ``audio-start`` or ``audio-chunk`` event.

    Raises:
        ClientError: The format is missing or not supported.
    """
    rate, width, channels = (audio.get(key) for key in ("rate", "width", "channels"))
    if type(rate) is not int or type(channels) is not int or width != 2:
        raise ClientError("bad_audio", "audio must have rate and channels, and width 2 (s16le)")
    check_format(rate, channels)
    return rate, channels


def make_source_request(language: str, rate: int) -> RemoteSourceRequest:
    """Makes the request for a source for a client's audio."""
    return RemoteSourceRequest("wyoming", rate, language)


def make_transcript(text: str, language: str) -> WyomingEvent:
    """Makes the event with the whole transcript."""
    return WyomingEvent("transcript", {"text": text} | ({"language": language} if language not in {"", "auto"} else {}))


def make_error(error: ClientError) -> WyomingEvent:
    """Makes the event that a client receives before its connection is closed."""
    return WyomingEvent("error", {"text": str(error), "code": error.code})
