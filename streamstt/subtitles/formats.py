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
from streamstt.subtitles.timeline import separate_captions

Format = Literal["txt", "srt", "vtt", "json"]
CueFormat = Literal["srt", "vtt"]
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
    """Renders captions as a file, ordered by their start; those of one source do not overlap.

    Args:
        finals: Final captions; if they are of several sources, each line names its source.
        file_format: ``txt`` (one line per caption), ``srt``, ``vtt`` (https://www.w3.org/TR/webvtt1/) or ``json``.
    """
    captions = separate_captions(f for f in finals if f.text)
    named = len({f.source for f in captions}) > 1
    match file_format:
        case "json":
            return json.dumps({"captions": _caption_dicts(captions)}, ensure_ascii=False, indent=2) + "\n"
        case "txt":
            return "".join(format_line(f, f.source if named else "") for f in captions)
        case _:
            cues = _cues_for_reading(file_format, captions, named=named)
            return HEADERS[file_format] + "".join(
                _format_cue(file_format, n, cue, label) for n, (cue, label) in enumerate(cues, 1)
            )


def format_line(final: Final, label: str = "") -> str:
    """Formats a caption as a line of text, with a star if it is starred.

    Args:
        final: The caption.
        label: Label of the source; empty: not shown.
    """
    text = f"{'★ ' if final.starred else ''}{_one_line(final.text)}"
    return f"{_one_line(label)}: {text}\n" if label else f"{text}\n"


def format_cues(file_format: CueFormat, first_number: int, cues: Sequence[Cue], label: str = "") -> str:
    """Formats cues, for appending to a file that begins with ``HEADERS[file_format]``.

    Args:
        file_format: Format of the file.
        first_number: Number of the first cue; the first in a file is 1.
        cues: Cues of a caption, made for this format.
        label: Label of the source; empty: not shown.
    """
    return "".join(_format_cue(file_format, n, cue, label) for n, cue in enumerate(cues, first_number))


def cues_for(file_format: CueFormat, final: Final, label: str, until: float) -> list[Cue]:
    """Makes the cues of a caption for a format; WebVTT names the source outside of the text.

    Args:
        file_format: Format of the file.
        final: A final caption.
        label: Label of the source; empty: not shown.
        until: Until when the last cue may be shown (s).
    """
    return make_cues(final, label if file_format == "srt" else "", until)


def _cues_for_reading(file_format: CueFormat, captions: Sequence[Final], *, named: bool) -> list[tuple[Cue, str]]:
    """Makes the cues of separate captions with their labels, in order, each shown as long as it is to be read.

    For its minimum duration, a cue may last until the next one of its source; to be read, until the next one of all.
    """
    cues: list[tuple[Cue, str]] = []
    next_start: dict[str, float] = {}
    for final in reversed(captions):
        label = final.source if named else ""
        until = next_start.get(final.source, math.inf)
        cues += [(cue, label) for cue in cues_for(file_format, final, label, until)]
        next_start[final.source] = final.start
    cues.sort(key=lambda pair: pair[0].start)
    following = [*(cue.start for cue, _ in cues[1:]), math.inf][: len(cues)]
    return [(extend_for_reading(cue, until), label) for (cue, label), until in zip(cues, following, strict=True)]


def _format_cue(file_format: CueFormat, number: int, cue: Cue, label: str) -> str:
    if file_format == "srt":
        text = "\n".join(cue.lines)
        return f"{number}\n{format_timestamp(cue.start, ',')} --> {format_timestamp(cue.end, ',')}\n{text}\n\n"
    voice = f"<v {_escape(_one_line(label))}>" if label else ""
    text = voice + "\n".join(map(_escape, cue.lines))
    return f"{format_timestamp(cue.start, '.')} --> {format_timestamp(cue.end, '.')}\n{text}\n\n"


def _caption_dicts(captions: Sequence[Final]) -> list[dict[str, object]]:
    hidden = {"id", "rev"}  # useful only while captions are live
    return [{k: v for k, v in asdict(f).items() if k not in hidden and (k != "starred" or v)} for f in captions]


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
