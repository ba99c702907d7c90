"""Renders finals one after another, as they are appended to a live file. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streamstt.subtitles.cues import Cue
from streamstt.subtitles.division import MIN_CUE_S
from streamstt.subtitles.formats import CueFormat, LiveFormat, cues_for, format_cues, format_line
from streamstt.subtitles.timeline import clip_caption, shift_caption
from streamstt.transcripts.record import parse_record_final, parse_steady


@dataclass(frozen=True, slots=True)
class _MadeCues:
    """The cues of a caption.

    Attributes:
        basis: What they depend on.
        cues: The cues.
    """

    basis: tuple[object, ...]
    cues: tuple[Cue, ...]


class LiveCues:
    """The captions of one live file. The same finals in the same order are always rendered alike.

    What is in the file does not change, and the next caption is not known yet. So a cue is shown for its minimum
    duration, and a caption of the same source that begins before that begins after it. What was spoken before the set
    begins is cut off: its cue begins at 0.
    """

    def __init__(self, live_format: LiveFormat, started_at: datetime) -> None:
        """Starts with the first cue.

        Args:
            live_format: ``srt``, ``vtt`` or ``txt``.
            started_at: When the set starts, by the steady clock; cue times count from it.
        """
        self._format = live_format
        self._started_at = started_at
        self._next_number = 1
        self._ends: dict[str, float] = {}  # by source: end of its last cue (s)
        # By number of the final. A revision changes few of them, and a millisecond for each would add up.
        self._made: dict[int, _MadeCues] = {}

    def render_all(self, finals: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Renders all finals of the record; the next one continues after them."""
        self._next_number = 1
        self._ends = {}
        return [self.render(data) for data in finals]

    def render(self, data: Mapping[str, Any]) -> bytes:
        """Renders the next final of the record.

        Returns:
            Its encoded text; nothing if it is hidden.
        """
        if not data["text"]:
            return b""
        label = str(data.get("label", "")) if data.get("show_label", True) else ""
        if self._format == "txt":
            return format_line(parse_record_final(data), label).encode(errors="replace")
        source = data["source"]
        after = self._ends.get(source, 0.0)
        basis = (source, parse_steady(data), data["start"], data["end"], data["text"], label, after)
        made = self._made.get(data["seq"])
        if made is None or made.basis != basis:
            made = _MadeCues(basis, tuple(self._make_cues(self._format, data, label, after)))
            self._made[data["seq"]] = made
        text = format_cues(self._format, self._next_number, made.cues, label)
        self._next_number += len(made.cues)
        if made.cues:
            self._ends[source] = made.cues[-1].end
        return text.encode(errors="replace")

    def _make_cues(self, cue_format: CueFormat, data: Mapping[str, Any], label: str, after: float) -> list[Cue]:
        final = parse_record_final(data)
        spoken = (parse_steady(data) - self._started_at).total_seconds()
        final = shift_caption(final, spoken - final.start)
        start = max(final.start, after)
        duration = min(MIN_CUE_S, final.end - final.start)
        final = clip_caption(final, start, max(final.end, round(start + duration, 3)))
        return cues_for(cue_format, final, label, until=max(final.end, round(max(spoken, 0.0) + MIN_CUE_S, 3)))
