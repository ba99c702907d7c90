"""From a simulation to the figures that are compared."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamstt.bench.scoring import Screen, Spoken, align, delays, erasure, percentile, same_start
from streamstt.bench.simulation import Run, Track
from streamstt.errors import SourceError
from streamstt.events import Final

Normaliser = Callable[[str], list[str]]
QUARTERS = 4
FORMS = '--reference takes plain text, --words a list like [{"text": "Hello", "start": 0.5, "end": 0.9}]'


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said.

    Attributes:
        text: Normalised words.
        spoken: The same, each with its end, or none when the times are not known.
    """

    text: tuple[str, ...]
    spoken: tuple[Spoken, ...] = ()

    @classmethod
    def read(cls, text: Path | None, words: Path | None, normalise: Normaliser) -> "Reference | None":
        """Reads a plain text, or a JSON list of ``{"w" or "text", "start", "end"}``; None when there is neither.

        Raises:
            SourceError: A file cannot be read, or is something else.
        """
        path = words or text
        if path and not path.is_file():
            raise SourceError(f"there is no file {path}")
        if path is None:
            return None
        try:
            content = path.read_text(encoding="utf-8")
            if not words:
                return cls(tuple(normalise(content)))
            listed = [(str(w.get("w", w.get("text"))), float(w["end"])) for w in json.loads(content)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{path} is no reference ({error}): {FORMS}") from error
        spoken = tuple(Spoken(part, end) for word, end in listed for part in normalise(word))
        return cls(tuple(normalise(" ".join(word for word, _ in listed))), spoken)


def own_words(finals: Sequence[Final], normalise: Normaliser) -> tuple[Spoken, ...]:
    """The finals' own words, for delays without a reference."""
    return tuple(Spoken(part, w.end) for f in finals for w in f.words for part in normalise(w.text))


def screens(track: Track, normalise: Normaliser) -> list[Screen]:
    """What a viewer of one source saw, in normalised words."""
    seen: list[Screen] = []
    said: list[str] = []
    counted = 0
    for moment in track.moments:
        for _, final in track.finals[counted : moment.finals]:
            said += normalise(final.text)
        counted = moment.finals
        partial = moment.partial
        stable = normalise(partial.text[: partial.stable]) if partial else []
        shown = normalise(partial.text) if partial else []
        seen.append(Screen(moment.at, (*said, *shown), len(said) + same_start(stable, shown)))
    return seen


def error_rate(reference: Sequence[str], heard: Sequence[str]) -> float:
    """Word error rate in percent."""
    return 100 * align(reference, heard)[1] / max(1, len(reference))


def text_of(finals: Sequence[Final], normalise: Normaliser) -> list[str]:
    """Their normalised words."""
    return normalise(" ".join(f.text for f in finals))


def figures(
    run: Run, reference: Reference | None, normalise: Normaliser, late_by: Sequence[float] = ()
) -> dict[str, Any]:
    """All figures of a run; None where something was not measured.

    Args:
        run: With one track of the reference, or several of the same.
        reference: What was said.
        normalise: Text to words.
        late_by: So much later (s) than in the reference each track hears the words; negative when its beginning was cut
            off. Empty: none is late.
    """
    shown: list[float] = []
    final: list[float] = []
    events: list[list[float]] = [[] for _ in range(QUARTERS)]
    erased, rates, off = [], [], []
    for track, shift in zip(run.tracks, late_by or [0.0] * len(run.tracks), strict=True):
        finals = [f for _, f in track.finals]
        seen = [Screen(s.at - shift, s.words, s.settled) for s in screens(track, normalise)]
        own = own_words(finals, normalise)
        spoken = (
            reference.spoken if reference and reference.spoken else tuple(Spoken(w.text, w.end - shift) for w in own)
        )
        shown += delays(seen, spoken, settled=False)
        final += delays(seen, spoken, settled=True)
        erased.append(erasure(seen))
        if reference:
            heard = text_of(finals, normalise)
            rates.append(error_rate(reference.text, heard))
        if reference and reference.spoken:
            pairs, _ = align([w.text for w in reference.spoken], [w.text for w in own])
            off += [abs(own[j].end - shift - reference.spoken[k].end) * 1000 for k, j in pairs]
        length = max((f.end for f in finals), default=1.0)
        for at, caption in track.finals:
            for word in caption.words:
                events[min(int(QUARTERS * word.end / length), QUARTERS - 1)].append(at - word.end)
    every = [delay for quarter in events for delay in quarter]
    late = [by for _, by in run.overdue]
    return {
        "wer": _mean(rates),
        "shown_p50_s": percentile(shown, 0.5),
        "shown_p95_s": percentile(shown, 0.95),
        "settled_p50_s": percentile(final, 0.5),
        "settled_p95_s": percentile(final, 0.95),
        "final_p50_s": percentile(every, 0.5),
        "final_p95_s": percentile(every, 0.95),
        "final_p50_s_by_quarter": [percentile(quarter, 0.5) for quarter in events],
        "erasure": _mean(erased),
        "word_end_error_ms": _mean(off),
        "cpu_s_per_s": run.cpu_s / run.audio_s,
        "updates": len(run.decodes),
        "update_p50_s": percentile(run.decodes, 0.5),
        "update_p95_s": percentile(run.decodes, 0.95),
        "overdue_p95_s": percentile(late, 0.95),
        "overdue_max_s": max(late, default=None),
    }


def mean_and_range(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of several runs, each number's mean, least and greatest value; of lists, the mean of each place."""
    merged: dict[str, Any] = {}
    for key, first in runs[0].items():
        if isinstance(first, list):
            merged[key] = [
                _mean([v for v in place if v is not None]) for place in zip(*(r[key] for r in runs), strict=True)
            ]
            continue
        values = [run[key] for run in runs if isinstance(run[key], int | float)]
        merged[key] = {"mean": statistics.mean(values), "min": min(values), "max": max(values)} if values else None
    return merged


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None
