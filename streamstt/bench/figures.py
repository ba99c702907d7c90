"""From a simulation to the figures that are compared."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamstt.bench.scoring import DisplayState, TimedWord, align, common_prefix_length, delays, erasure, percentile
from streamstt.bench.simulation import SimulationResult, SourceTrace
from streamstt.errors import SourceError
from streamstt.events import Final

Normalizer = Callable[[str], list[str]]
QUARTERS = 4
REFERENCE_FORMATS = '--reference takes plain text, --words a list like [{"text": "Hello", "start": 0.5, "end": 0.9}]'


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said.

    Attributes:
        text: Normalised words.
        timed_words: The same, each with its end, or none when the times are not known.
    """

    text: tuple[str, ...]
    timed_words: tuple[TimedWord, ...] = ()

    @classmethod
    def read(cls, text: Path | None, words: Path | None, normalize: Normalizer) -> "Reference | None":
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
                return cls(tuple(normalize(content)))
            listed = [(str(w.get("w", w.get("text"))), float(w["end"])) for w in json.loads(content)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{path} is no reference ({error}): {REFERENCE_FORMATS}") from error
        spoken = tuple(TimedWord(part, end) for word, end in listed for part in normalize(word))
        return cls(tuple(normalize(" ".join(word for word, _ in listed))), spoken)


def caption_words(finals: Sequence[Final], normalize: Normalizer) -> tuple[TimedWord, ...]:
    """The finals' own words, for delays without a reference."""
    return tuple(TimedWord(part, w.end) for f in finals for w in f.words for part in normalize(w.text))


def display_states(trace: SourceTrace, normalize: Normalizer) -> list[DisplayState]:
    """What a viewer of one source saw, in normalised words."""
    seen: list[DisplayState] = []
    said: list[str] = []
    counted = 0
    for moment in trace.points:
        for _, final in trace.finals[counted : moment.finals]:
            said += normalize(final.text)
        counted = moment.finals
        partial = moment.partial
        stable = normalize(partial.text[: partial.stable]) if partial else []
        shown = normalize(partial.text) if partial else []
        seen.append(DisplayState(moment.at, (*said, *shown), len(said) + common_prefix_length(stable, shown)))
    return seen


def error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Word error rate in percent."""
    return 100 * align(reference, hypothesis)[1] / max(1, len(reference))


def normalized_words(finals: Sequence[Final], normalize: Normalizer) -> list[str]:
    """Their normalised words."""
    return normalize(" ".join(f.text for f in finals))


def compute_figures(
    run: SimulationResult, reference: Reference | None, normalize: Normalizer, shifts_s: Sequence[float] = ()
) -> dict[str, Any]:
    """All figures of a run; None where something was not measured.

    Args:
        run: With one track of the reference, or several of the same.
        reference: What was said.
        normalize: Text to words.
        shifts_s: So much later (s) than in the reference each track hears the words; negative when its beginning was cut
            off. Empty: none is late.
    """
    shown: list[float] = []
    final: list[float] = []
    events: list[list[float]] = [[] for _ in range(QUARTERS)]
    erased, rates, off = [], [], []
    for track, shift in zip(run.traces, shifts_s or [0.0] * len(run.traces), strict=True):
        finals = [f for _, f in track.finals]
        seen = [DisplayState(s.at - shift, s.words, s.settled) for s in display_states(track, normalize)]
        own = caption_words(finals, normalize)
        spoken = (
            reference.timed_words
            if reference and reference.timed_words
            else tuple(TimedWord(w.text, w.end - shift) for w in own)
        )
        shown += delays(seen, spoken, settled=False)
        final += delays(seen, spoken, settled=True)
        erased.append(erasure(seen))
        if reference:
            heard = normalized_words(finals, normalize)
            rates.append(error_rate(reference.text, heard))
        if reference and reference.timed_words:
            pairs, _ = align([w.text for w in reference.timed_words], [w.text for w in own])
            off += [abs(own[j].end - shift - reference.timed_words[k].end) * 1000 for k, j in pairs]
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
        "updates": len(run.decode_times),
        "update_p50_s": percentile(run.decode_times, 0.5),
        "update_p95_s": percentile(run.decode_times, 0.95),
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
