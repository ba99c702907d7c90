"""Final captions as text, SubRip, WebVTT or JSON. Pure.

In SubRip and WebVTT a caption is one cue of at most two lines, or several, each in the time of its words.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

from streamstt.events import Final
from streamstt.subtitles.cues import Cue, cues_of, readable

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
    labels = [f.source if named else "" for f in captions]
    match form:
        case "json":
            return json.dumps({"captions": _plain(captions)}, ensure_ascii=False, indent=2) + "\n"
        case "txt":
            return "".join(cue(form, 0, f, label) for f, label in zip(captions, labels, strict=True))
        case _:
            cues = [(c, label) for f, label in zip(captions, labels, strict=True) for c in _cues(form, f, label)]
            cues.sort(key=lambda pair: pair[0].start)
            following = [*(c.start for c, _ in cues[1:]), math.inf][: len(cues)]
            shown = [(readable(c, until), label) for (c, label), until in zip(cues, following, strict=True)]
            return HEADS[form] + "".join(_written(form, n, c, label) for n, (c, label) in enumerate(shown, 1))


def cue(form: LiveFormat, number: int, final: Final, label: str = "") -> str:
    """One caption, as it is appended to a file that begins with ``HEADS[form]``: one cue, or several.

    Args:
        form: The file's format.
        number: Of its first cue; counts from 1 in the file.
        final: With a text.
        label: Whose it is; empty: it is not said.
    """
    if form == "txt":
        text = _one_line(final.text)
        return f"{_one_line(label)}: {text}\n" if label else f"{text}\n"
    return "".join(_written(form, n, c, label) for n, c in enumerate(_cues(form, final, label), number))


def cue_count(final: Final, label: str = "") -> int:
    """How many numbers the caption takes in SubRip."""
    return len(_cues("srt", final, label))


def _cues(form: LiveFormat, final: Final, label: str) -> list[Cue]:
    """WebVTT says whose a cue is outside of its text."""
    return cues_of(final, label if form == "srt" else "")


def _written(form: LiveFormat, number: int, shown: Cue, label: str) -> str:
    if form == "srt":
        text = "\n".join(shown.lines)
        return f"{number}\n{clock(shown.start, ',')} --> {clock(shown.end, ',')}\n{text}\n\n"
    voice = f"<v {_escaped(_one_line(label))}>" if label else ""
    text = voice + "\n".join(map(_escaped, shown.lines))
    return f"{clock(shown.start, '.')} --> {clock(shown.end, '.')}\n{text}\n\n"


def _plain(captions: Sequence[Final]) -> list[dict[str, object]]:
    hidden = {"id", "rev"}  # of use only while captions are live
    return [{k: v for k, v in asdict(f).items() if k not in hidden} for f in captions]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    """A line break would end the line, an empty line the cue."""
    return " ".join(text.split())


def clock(seconds: float, point: str) -> str:
    """``01:02:03,456`` (``point`` is the decimal sign)."""
    total = math.floor(seconds * 1000 + 0.5)
    rest, millis = divmod(total, 1000)
    minutes, secs = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{secs:02}{point}{millis:03}"
