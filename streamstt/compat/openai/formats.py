"""Formats the captions of a recording as OpenAI's ``audio/transcriptions`` does. Pure."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, get_args

from streamstt.compat.openai.errors import JsonObject, json_response
from streamstt.compat.openai.turns import join_text
from streamstt.events import Final
from streamstt.hub.protocol import to_json
from streamstt.server.http.response import Response
from streamstt.subtitles.formats import render
from streamstt.subtitles.timeline import separate_captions

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
TEXT_TYPE = "text/plain; charset=utf-8"
EVENTS_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """Options of a transcription request.

    Attributes:
        language: Language code, ``auto``, or empty for the daemon's setting.
        response_format: Format of the response.
        segments: Whether ``verbose_json`` lists each caption.
        words: Whether ``verbose_json`` lists each word.
        stream: Whether captions are sent as they are transcribed.
        track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.
    """

    language: str = ""
    response_format: ResponseFormat = "json"
    segments: bool = True
    words: bool = False
    stream: bool = False
    track: int = 0


def format_warnings(problems: Sequence[str]) -> JsonObject:
    """Returns a field for what could not be read or heard; none if all could. Clients ignore fields they don't know."""
    return {"warnings": list(problems)} if problems else {}


def format_response(
    finals: Sequence[Final], duration_s: float, options: TranscriptionOptions, problems: Sequence[str] = ()
) -> Response:
    """Makes the complete response.

    Args:
        finals: Captions in order.
        duration_s: Duration of the recording (s).
        options: Options of the request.
        problems: What could not be read or heard, in sentences; only JSON has a place for them.
    """
    finals = separate_captions(finals)
    text = join_finals(finals)
    usage = {"type": "duration", "seconds": math.ceil(duration_s)}
    match options.response_format:
        case "json":
            return json_response(HTTPStatus.OK, {"text": text, "usage": usage} | format_warnings(problems))
        case "text":
            return Response(HTTPStatus.OK, TEXT_TYPE, f"{text}\n".encode())
        case "srt" | "vtt" as file_format:
            return Response(HTTPStatus.OK, TEXT_TYPE, render(finals, file_format).encode())
        case "verbose_json":
            language = next((final.language for final in finals), options.language)
            data: JsonObject = {
                "task": "transcribe",
                "language": language,
                "duration": round(duration_s, 3),
                "text": text,
            }
            data |= (
                {"segments": [_format_segment(i, final) for i, final in enumerate(finals)]} if options.segments else {}
            )
            data |= (
                {"words": [_format_word(final, i) for final in finals for i in range(len(final.words))]}
                if options.words
                else {}
            )
            return json_response(HTTPStatus.OK, data | {"usage": usage} | format_warnings(problems))


def join_finals(finals: Sequence[Final]) -> str:
    """Joins the text of all captions on one line."""
    text = ""
    for final in finals:
        text = join_text(text, final.text, final.language)
    return text


def encode_sse(data: JsonObject) -> bytes:
    """Encodes a server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return f"data: {to_json(data)}\n\n".encode(errors="replace")


def _format_word(final: Final, number: int) -> JsonObject:
    word = final.words[number]
    return {"word": word.text, "start": word.start, "end": word.end}


def _format_segment(number: int, final: Final) -> JsonObject:
    """Formats a caption as a segment of Whisper; its tokens and no-speech probability are not known here."""
    encoded = final.text.encode(errors="replace")
    logs = [math.log(max(word.probability, 1e-6)) for word in final.words]
    return {
        "id": number,
        "seek": 0,
        "start": final.start,
        "end": final.end,
        "text": final.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(logs) / len(logs), 4) if logs else 0.0,
        "compression_ratio": round(len(encoded) / len(zlib.compress(encoded)), 3),
        "no_speech_prob": 0.0,
    }
