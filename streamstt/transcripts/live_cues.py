"""Renders finals one after another, as they are appended to a live file. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from streamstt.subtitles.division import MIN_CUE_S
from streamstt.subtitles.formats import LiveFormat, cues_for, format_cues, format_line
from streamstt.subtitles.timeline import clip_caption, shift_caption
from streamstt.transcripts.record import parse_record_final, parse_time


class LiveCues:
    """The captions of one live file. The same finals in the same order are always rendered alike.

    What is in the file does not change, and the next caption is not known yet. So a cue is shown for its minimum
    duration, and a caption of the same source that begins before that begins after it.
    """

    def __init__(self, live_format: LiveFormat, started_at: datetime) -> None:
        """Starts with the first cue.

        Args:
            live_format: ``srt``, ``vtt`` or ``txt``.
            started_at: Wall time at which the set starts; cue times count from it.
        """
        self._format = live_format
        self._started_at = started_at
        self._next_number = 1
        self._ends: dict[str, float] = {}  # by source: end of its last cue (s)

    def render(self, data: Mapping[str, Any]) -> bytes:
        """Renders the next final of the record.

        Returns:
            Its encoded text.
        """
        final = parse_record_final(data)
        label = str(data.get("label", "")) if data.get("show_label", True) else ""
        if self._format == "txt":
            return format_line(final, label).encode(errors="replace")
        spoken = max(0.0, (parse_time(data["at"]) - self._started_at).total_seconds())
        final = shift_caption(final, spoken - final.start)
        start = max(final.start, self._ends.get(final.source, 0.0))
        duration = min(MIN_CUE_S, final.end - final.start)
        final = clip_caption(final, start, max(final.end, round(start + duration, 3)))
        cues = cues_for(self._format, final, label, until=max(final.end, round(spoken + MIN_CUE_S, 3)))
        text = format_cues(self._format, self._next_number, cues, label)
        self._next_number += len(cues)
        self._ends[final.source] = cues[-1].end if cues else start
        return text.encode(errors="replace")
