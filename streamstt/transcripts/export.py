"""Renders the finals of records as one file. Runs as a process of its own: ``python -m streamstt.transcripts.export``.

In the daemon, a thread would hold up every caption: rendering never waits, so it would keep the interpreter for itself.

Memory is needed for the times of all captions, but for the words of a few only: each line is read twice.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from streamstt.events import Final
from streamstt.hub.protocol import parse_final
from streamstt.subtitles.formats import Caption, Format, format_captions, next_starts
from streamstt.subtitles.timeline import align_captions, clip_caption, separate_captions, shift_caption
from streamstt.transcripts.record import parse_steady, parse_time

NICENESS = 10  # a tenth of what the model gets, if the machine is busy: captions come first, but a download must end


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a final is, and what is needed to put it on the timeline.

    Attributes:
        file: The file that it is in.
        offset: Position of its line in bytes.
        session: The session that published it.
        timing: The final without words and text; its ``id`` is its number among all entries.
        at: Wall time of its start, as in the line; None: unknown.
        steady_at: The same by the steady clock.
    """

    file: BinaryIO
    offset: int
    session: str
    timing: Final
    at: str | None
    steady_at: datetime | None


def export(
    files: Sequence[BinaryIO],
    file_format: Format,
    session: str,
    since: int,
    until: int,
    zero: datetime | None = None,
) -> Iterator[str]:
    """Yields the pieces of a file with the finals of several records, ordered by their start.

    Args:
        files: Records, or lists of finals as clients receive them, one on a line. Other and damaged lines are ignored.
            Of finals with the same number, and their revisions, the last one counts.
        file_format: Format of the file; labels are shown if it has more than one source.
        session: Session of finals for which the file names none.
        since: Number before that of the oldest final to include.
        until: Number of the newest final to include.
        zero: From when on times count, by the steady clock; None: from when the first source began.
    """
    found = {seq: entry for file in files for seq, entry in _find_finals(file, session, until) if seq > since}
    shown = [entry for entry in found.values() if entry]
    entries = [replace(entry, timing=replace(entry.timing, id=str(n))) for n, entry in enumerate(shown)]
    aligned = align_captions([(entry.timing, entry.steady_at) for entry in entries], zero)
    timings = separate_captions(_cut_off_before_zero(aligned))
    starts = [timing.start for timing in aligned]
    captions = (
        _read_caption(entries[int(timing.id)], timing, starts[int(timing.id)], next_start)
        for timing, next_start in zip(timings, next_starts(timings), strict=True)
    )
    return format_captions(captions, file_format, named=len({timing.source for timing in timings}) > 1)


def _cut_off_before_zero(timings: Iterable[Final]) -> Iterator[Final]:
    """Yields captions without what is before 0; those that end before it are in the file of the set before."""
    for timing in timings:
        if timing.end > 0:
            yield timing if timing.start >= 0 else clip_caption(timing, 0.0, timing.end)


def _find_finals(file: BinaryIO, session: str, until: int) -> Iterator[tuple[int, Entry | None]]:
    """Yields number and place of each final that has text, also as it was revised; no place: it is hidden.

    Args:
        file: A record, or a list of finals.
        session: Session of finals for which the file names none.
        until: Number of the newest line to read.
    """
    sources: dict[str, str] = {}  # each name once in memory
    offset = file.seek(0)
    for line in file:
        with suppress(KeyError, TypeError, ValueError, OverflowError, RecursionError):  # a foreign or damaged line
            data = json.loads(line)
            if data["type"] in {"mark", "run"}:
                session = str(data["session"])
            elif data["type"] in {"final", "revised"} and _is_told(data) and int(data["seq"]) <= until:
                final, at, steady_at = _parse_line(data)
                source = sources.setdefault(final.source, final.source)
                timing = replace(final, source=source, text="", words=(), language="")
                place = None if data.get("hidden") else Entry(file, offset, session, timing, at, steady_at)
                yield int(data.get("final_seq", data["seq"])), place
        offset += len(line)


def _is_told(data: dict[str, Any]) -> bool:
    """Returns whether a line says anything of a caption: one in memory that was hidden has no text, but is hidden."""
    return bool(data["text"] or data.get("hidden"))


def _parse_line(data: dict[str, Any]) -> tuple[Final, str | None, datetime | None]:
    """Returns the final of a line, its wall time, and the same by the steady clock.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: It is not a final.
    """
    at = data.get("at")
    if at:
        parse_time(at)
    return parse_final(data), at, parse_steady(data) if at else None


def _read_caption(entry: Entry, timing: Final, aligned_start: float, next_start: float) -> Caption:
    """Reads a caption again, now with its words.

    Args:
        entry: Where it is.
        timing: Its times in the file.
        aligned_start: When it would begin (s) if nothing had overlapped it.
        next_start: When the next one of its source begins (s).
    """
    entry.file.seek(entry.offset)
    data = json.loads(entry.file.readline())
    final = parse_final(data)
    final = clip_caption(shift_caption(final, aligned_start - final.start), timing.start, timing.end)
    details = {"label": data.get("label") or final.source, "at": entry.at, "session": entry.session}
    details["edited"] = bool(data.get("edited"))
    return Caption(final, next_start, {key: value for key, value in details.items() if value})


def main() -> None:
    """Writes a file to standard output.

    The arguments are those of ``export``, ``zero`` in seconds since 1970 or empty, and the paths of records; those that
    were deleted are left out. Standard input is one more list of finals.
    """
    with suppress(OSError):  # a service may forbid it
        os.nice(NICENESS)
    file_format, session, since, until, zero, *paths = sys.argv[1:]
    steady_zero = datetime.fromtimestamp(float(zero), UTC) if zero else None
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        for path in paths:
            with suppress(FileNotFoundError):
                files.append(stack.enter_context(Path(path).open("rb")))
        files.append(sys.stdin.buffer)
        for piece in export(files, cast("Format", file_format), session, int(since), int(until), steady_zero):
            sys.stdout.buffer.write(piece.encode(errors="replace"))


if __name__ == "__main__":
    main()
