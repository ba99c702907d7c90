"""Final captions as text, SubRip, WebVTT or JSON. Pure."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

from streamstt.speech.captions import Final

Format = Literal["txt", "srt", "vtt", "json"]
FORMATS: tuple[Format, ...] = ("txt", "srt", "vtt", "json")
CONTENT_TYPES: dict[Format, str] = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
}


def render(finals: Iterable[Final], form: Format) -> str:
    """Writes captions in the order of their start.

    Args:
        finals: Of one or more sources; with more, each line names its source.
        form: ``txt`` (a line a caption), ``srt``, ``vtt`` (https://www.w3.org/TR/webvtt1/) or ``json``.
    """
    captions = sorted((f for f in finals if f.text), key=lambda f: f.start)
    named = len({f.source for f in captions}) > 1
    match form:
        case "txt":
            return "".join(f"{_line(f, named)}\n" for f in captions)
        case "srt":
            return "".join(_srt(i, f, named) for i, f in enumerate(captions, 1))
        case "vtt":
            return "WEBVTT\n\n" + "".join(_vtt(f, named) for f in captions)
        case "json":
            return json.dumps({"captions": _plain(captions)}, ensure_ascii=False, indent=2) + "\n"


def _plain(captions: Sequence[Final]) -> list[dict[str, object]]:
    hidden = {"id", "rev"}  # of use only while captions are live
    return [{k: v for k, v in asdict(f).items() if k not in hidden} for f in captions]


def _srt(number: int, final: Final, named: bool) -> str:
    return f"{number}\n{clock(final.start, ',')} --> {clock(_end(final), ',')}\n{_line(final, named)}\n\n"


def _vtt(final: Final, named: bool) -> str:
    text = _one_line(final.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    voice = f"<v {final.source}>" if named else ""
    return f"{clock(final.start, '.')} --> {clock(_end(final), '.')}\n{voice}{text}\n\n"


def _line(final: Final, named: bool) -> str:
    text = _one_line(final.text)
    return f"{final.source}: {text}" if named else text


def _one_line(text: str) -> str:
    """An empty line would end the cue."""
    return " ".join(text.split())


def _end(final: Final) -> float:
    """A cue must not end before it starts."""
    return max(final.end, final.start + 0.001)


def clock(seconds: float, point: str) -> str:
    """``01:02:03,456`` (``point`` is the decimal sign)."""
    total = math.floor(seconds * 1000 + 0.5)
    rest, millis = divmod(total, 1000)
    minutes, secs = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{secs:02}{point}{millis:03}"
