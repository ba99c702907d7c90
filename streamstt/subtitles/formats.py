"""Renders final captions as text, SubRip, WebVTT or JSON. Pure.

In SubRip and WebVTT a caption is one or several cues of at most two lines, timed by their words.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

from streamstt.events import Final
from streamstt.subtitles.cues import Cue, extend_for_reading, make_cues

Format = Literal["txt", "srt", "vtt", "json"]
LiveFormat = Literal["txt", "srt", "vtt"]
"""Formats to which a caption can be appended."""
HEADERS: dict[LiveFormat, str] = {"txt": "", "srt": "", "vtt": "WEBVTT\n\n"}
FORMATS: tuple[Format, ...] = ("txt", "srt", "vtt", "json")
CONTENT_TYPES: dict[Format, str] = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
}


def render(finals: Iterable[Final], file_format: Format) -> str:
    """Renders captions as a file, ordered by their start.

    Args:
        finals: Final captions; if they are of several sources, each line names its source.
        file_format: ``txt`` (one line per caption), ``srt``, ``vtt`` (https://www.w3.org/TR/webvtt1/) or ``json``.
    """
    captions = sorted((f for f in finals if f.text), key=lambda f: f.start)
    named = len({f.source for f in captions}) > 1
    labels = [f.source if named else "" for f in captions]
    match file_format:
        case "json":
            return json.dumps({"captions": _caption_dicts(captions)}, ensure_ascii=False, indent=2) + "\n"
        case "txt":
            return "".join(render_cue(file_format, 0, f, label) for f, label in zip(captions, labels, strict=True))
        case _:
            cues = [
                (c, label)
                for f, label in zip(captions, labels, strict=True)
                for c in _labeled_cues(file_format, f, label)
            ]
            cues.sort(key=lambda pair: pair[0].start)
            following = [*(c.start for c, _ in cues[1:]), math.inf][: len(cues)]
            shown = [(extend_for_reading(c, until), label) for (c, label), until in zip(cues, following, strict=True)]
            return HEADERS[file_format] + "".join(
                _format_cue(file_format, n, c, label) for n, (c, label) in enumerate(shown, 1)
            )


def render_cue(file_format: LiveFormat, number: int, final: Final, label: str = "") -> str:
    """Renders one caption as one or several cues, for appending to a file that begins with ``HEADERS[file_format]``.

    Args:
        file_format: Format of the file.
        number: Number of the first cue; the first in a file is 1.
        final: A final caption with text.
        label: Label of the source; empty: not shown.
    """
    if file_format == "txt":
        text = _one_line(final.text)
        return f"{_one_line(label)}: {text}\n" if label else f"{text}\n"
    return "".join(
        _format_cue(file_format, n, c, label) for n, c in enumerate(_labeled_cues(file_format, final, label), number)
    )


def count_cues(final: Final, label: str = "") -> int:
    """Returns the number of SubRip cues of a caption."""
    return len(_labeled_cues("srt", final, label))


def _labeled_cues(file_format: LiveFormat, final: Final, label: str) -> list[Cue]:
    """Makes the cues; WebVTT names the source outside of the text."""
    return make_cues(final, label if file_format == "srt" else "")


def _format_cue(file_format: LiveFormat, number: int, cue: Cue, label: str) -> str:
    if file_format == "srt":
        text = "\n".join(cue.lines)
        return f"{number}\n{format_timestamp(cue.start, ',')} --> {format_timestamp(cue.end, ',')}\n{text}\n\n"
    voice = f"<v {_escape(_one_line(label))}>" if label else ""
    text = voice + "\n".join(map(_escape, cue.lines))
    return f"{format_timestamp(cue.start, '.')} --> {format_timestamp(cue.end, '.')}\n{text}\n\n"


def _caption_dicts(captions: Sequence[Final]) -> list[dict[str, object]]:
    hidden = {"id", "rev"}  # useful only while captions are live
    return [{k: v for k, v in asdict(f).items() if k not in hidden} for f in captions]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    """Joins lines: a line break would end the line, and an empty line the cue."""
    return " ".join(text.split())


def format_timestamp(seconds: float, decimal_sign: str) -> str:
    """Formats a time, such as ``01:02:03,456`` with ``,`` as the decimal sign."""
    total = math.floor(seconds * 1000 + 0.5)
    rest, millis = divmod(total, 1000)
    minutes, secs = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{secs:02}{decimal_sign}{millis:03}"
