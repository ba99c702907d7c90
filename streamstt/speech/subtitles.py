"""Final captions as text, SubRip, WebVTT or JSON. Pure."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

from streamstt.speech.captions import Final

Format = Literal["txt", "srt", "vtt", "json"]
LiveFormat = Literal["txt", "srt", "vtt"]
"""Those that a caption can be appended to."""
HEADS: dict[LiveFormat, str] = {"txt": "", "srt": "", "vtt": "WEBVTT\n\n"}
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
        case "json":
            return json.dumps({"captions": _plain(captions)}, ensure_ascii=False, indent=2) + "\n"
        case _:
            labels = [f.source if named else "" for f in captions]
            cues = (cue(form, i, f, label) for i, (f, label) in enumerate(zip(captions, labels, strict=True), 1))
            return HEADS[form] + "".join(cues)


def cue(form: LiveFormat, number: int, final: Final, label: str = "") -> str:
    """One caption, as it is appended to a file that begins with ``HEADS[form]``.

    Args:
        form: The file's format.
        number: Counts from 1 in the file.
        final: With a text.
        label: Whose it is; empty: it is not said.
    """
    match form:
        case "txt":
            return f"{_line(final, label)}\n"
        case "srt":
            return f"{number}\n{clock(final.start, ',')} --> {clock(_end(final), ',')}\n{_line(final, label)}\n\n"
        case "vtt":
            voice = f"<v {_escaped(label)}>" if label else ""
            text = voice + _escaped(final.text)
            return f"{clock(final.start, '.')} --> {clock(_end(final), '.')}\n{text}\n\n"


def _plain(captions: Sequence[Final]) -> list[dict[str, object]]:
    hidden = {"id", "rev"}  # of use only while captions are live
    return [{k: v for k, v in asdict(f).items() if k not in hidden} for f in captions]


def _line(final: Final, label: str) -> str:
    text = _one_line(final.text)
    return f"{_one_line(label)}: {text}" if label else text


def _escaped(text: str) -> str:
    return _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
