"""Renders final captions as text, SubRip, WebVTT or JSON. Pure.

In SubRip and WebVTT a caption is one or several cues of at most two lines, timed by their words.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from heapq import heappop, heappush
from itertools import count
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


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption of a file.

    Attributes:
        final: The caption, as ``separate_captions`` returns it.
        next_start: When the next caption of its source begins (s).
        details: What JSON says of it besides; ``label`` is the name of its source that people see.
    """

    final: Final
    next_start: float = math.inf
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name of its source that people see."""
        return str(self.details.get("label") or self.final.source)


def render(finals: Iterable[Final], file_format: Format) -> str:
    """Renders captions as a file, ordered by their start; those of one source do not overlap.

    Args:
        finals: Final captions; if they are of several sources, each line names its source.
        file_format: ``txt`` (one line per caption), ``srt``, ``vtt`` (https://www.w3.org/TR/webvtt1/) or ``json``.
    """
    captions = separate_captions(f for f in finals if f.text)
    named = len({f.source for f in captions}) > 1
    return "".join(format_captions(map(Caption, captions, next_starts(captions)), file_format, named=named))


def next_starts(captions: Sequence[Final]) -> list[float]:
    """Returns when the next caption of the same source begins (s), for each of some captions in order."""
    starts: dict[str, float] = {}
    following = []
    for final in reversed(captions):
        following.append(starts.get(final.source, math.inf))
        starts[final.source] = final.start
    return following[::-1]


def format_captions(captions: Iterable[Caption], file_format: Format, *, named: bool) -> Iterator[str]:
    """Yields the pieces of a file; needs memory for a few captions only.

    Args:
        captions: Captions in order, on one timeline.
        file_format: Format of the file, as for ``render``.
        named: Whether to show the labels; JSON has them in any case.
    """
    match file_format:
        case "json":
            yield '{"captions": ['
            for n, caption in enumerate(captions):
                yield f"{',' if n else ''}\n{json.dumps(_caption_dict(caption), ensure_ascii=False)}"
            yield "\n]}\n"
        case "txt":
            for caption in captions:
                yield format_line(caption.final, caption.label if named else "")
        case _:
            yield HEADERS[file_format]
            for n, (cue, label) in enumerate(_cues_for_reading(file_format, captions, named=named), 1):
                yield _format_cue(file_format, n, cue, label)


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


def _cues_for_reading(file_format: CueFormat, captions: Iterable[Caption], *, named: bool) -> Iterator[tuple[Cue, str]]:
    """Yields the cues of captions with their labels, in order, each shown as long as it is to be read.

    For its minimum duration, a cue may last until the next one of its source; to be read, until the next one of all.
    """
    last: tuple[Cue, str] | None = None
    for cue, label in _cues_in_order(file_format, captions, named=named):
        if last:
            yield extend_for_reading(last[0], cue.start), last[1]
        last = cue, label
    if last:
        yield extend_for_reading(last[0], math.inf), last[1]


def _cues_in_order(file_format: CueFormat, captions: Iterable[Caption], *, named: bool) -> Iterator[tuple[Cue, str]]:
    """Yields the cues of captions by their start; those of sources that speak at the same time take turns."""
    waiting: list[tuple[float, int, Cue, str]] = []  # a heap; the number is unique, so that cues are not compared
    numbers = count()
    for caption in captions:
        while waiting and waiting[0][0] <= caption.final.start:
            yield heappop(waiting)[2:]
        label = caption.label if named else ""
        for cue in cues_for(file_format, caption.final, label, caption.next_start):
            heappush(waiting, (cue.start, next(numbers), cue, label))
    while waiting:
        yield heappop(waiting)[2:]


def _format_cue(file_format: CueFormat, number: int, cue: Cue, label: str) -> str:
    if file_format == "srt":
        text = "\n".join(cue.lines)
        return f"{number}\n{format_timestamp(cue.start, ',')} --> {format_timestamp(cue.end, ',')}\n{text}\n\n"
    voice = f"<v {_escape(_one_line(label))}>" if label else ""
    text = voice + "\n".join(map(_escape, cue.lines))
    return f"{format_timestamp(cue.start, '.')} --> {format_timestamp(cue.end, '.')}\n{text}\n\n"


def _caption_dict(caption: Caption) -> dict[str, object]:
    hidden = {"id", "rev"}  # useful only while captions are live
    fields = {k: v for k, v in asdict(caption.final).items() if k not in hidden and (k != "starred" or v)}
    return {"source": fields["source"], **caption.details, **fields}


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
