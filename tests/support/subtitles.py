"""Reads subtitle files as strictly as the strictest player."""

import re
from dataclasses import dataclass

TIMING = re.compile(r"(\d{2,}):(\d\d):(\d\d)[.,](\d{3}) --> (\d{2,}):(\d\d):(\d\d)[.,](\d{3})")
VOICE = re.compile(r"<v ([^>]*)>")


@dataclass(frozen=True)
class WrittenCue:
    """A cue of a file: times in seconds, lines as they are written, and the voice of WebVTT."""

    start: float
    end: float
    lines: tuple[str, ...]
    name: str


def parse_subtitles(content: str) -> list[WrittenCue]:
    """Parses SubRip or WebVTT: blocks between empty lines, a number in SubRip, a timing line, lines of text."""
    is_vtt = content.startswith("WEBVTT\n\n")
    cues = []
    for n, block in enumerate(content.removeprefix("WEBVTT\n\n").split("\n\n")[:-1], 1):
        lines = block.split("\n")
        if not is_vtt and lines[0].isdigit():
            assert lines.pop(0) == str(n)
        timing = TIMING.fullmatch(lines[0])
        assert timing, block
        assert len(lines) > 1
        assert all(line.strip() for line in lines)
        start, end = (_seconds(*timing.groups()[i : i + 4]) for i in (0, 4))
        voice = VOICE.match(lines[1])
        shown = (VOICE.sub("", lines[1], count=1), *lines[2:])
        cues.append(WrittenCue(start, end, shown, voice[1] if voice else ""))
    return cues


def _seconds(hours: str, minutes: str, seconds: str, millis: str) -> float:
    return round(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(millis) / 1000, 3)
