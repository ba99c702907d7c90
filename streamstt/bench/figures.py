"""Computes the figures of ``streamstt bench`` from a simulation."""

import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamstt.bench.scoring import DisplayState, TimedWord, align, common_prefix_length, delays, erasure, percentile
from streamstt.bench.simulation import SimulationResult, SourceTrace
from streamstt.errors import SourceError
from streamstt.events import Final

Normalizer = Callable[[str], list[str]]
"""Maps text to words as they are counted."""

QUARTERS = 4  # parts of the recording for which delays are also computed, to show whether they grow
REFERENCE_FORMATS = '--reference takes plain text, --words a list like [{"text": "Hello", "start": 0.5, "end": 0.9}]'


@dataclass(frozen=True, slots=True)
class Reference:
    """The words that were spoken.

    Attributes:
        text: Normalized words.
        timed_words: The same words, each with its start and end; empty if the times are unknown.
    """

    text: tuple[str, ...]
    timed_words: tuple[TimedWord, ...] = ()

    @classmethod
    def read(cls, text: Path | None, words: Path | None, normalize: Normalizer) -> "Reference | None":
        """Reads a reference; returns None if there is no file.

        Args:
            text: Plain text, or None.
            words: JSON list of ``{"w" or "text", "start", "end"}``, or None; takes precedence.
            normalize: Maps text to words as they are counted.

        Raises:
            SourceError: A file cannot be read, or has another format.
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
            timed = [
                TimedWord(str(w.get("w", w.get("text"))), float(w["start"]), float(w["end"]))
                for w in json.loads(content)
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{path} is not a reference ({error}): {REFERENCE_FORMATS}") from error
        return cls(tuple(normalize(" ".join(word.text for word in timed))), tuple(_split(timed, normalize)))


def caption_words(finals: Sequence[Final], normalize: Normalizer) -> tuple[TimedWord, ...]:
    """Returns the normalized words of the finals with their own times, for delays without a reference."""
    return tuple(_split((TimedWord(w.text, w.start, w.end) for f in finals for w in f.words), normalize))


def _split(words: Iterable[TimedWord], normalize: Normalizer) -> Iterator[TimedWord]:
    """Yields what each word is normalized to, with its times."""
    return (replace(word, text=part) for word in words for part in normalize(word.text))


def display_states(trace: SourceTrace, normalize: Normalizer) -> list[DisplayState]:
    """Returns what a viewer of one source saw over time, in normalized words.

    A final and the partial after it are published at once, so nobody sees a moment between them.
    """
    states: list[DisplayState] = []
    final_words: list[str] = []
    n_finals = 0
    for point in trace.points:
        for _, final in trace.finals[n_finals : point.finals]:
            final_words += normalize(final.text)
        n_finals = point.finals
        partial = point.partial
        stable = normalize(partial.text[: partial.stable]) if partial else []
        shown = normalize(partial.text) if partial else []
        settled = len(final_words) + common_prefix_length(stable, shown)
        if states and states[-1].at == point.at:
            del states[-1]
        states.append(DisplayState(point.at, (*final_words, *shown), settled))
    return states


def error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Returns the word error rate in percent."""
    return 100 * align(reference, hypothesis)[1] / max(1, len(reference))


def normalized_words(finals: Sequence[Final], normalize: Normalizer) -> list[str]:
    """Returns the normalized words of the finals."""
    return normalize(" ".join(f.text for f in finals))


def compute_figures(
    run: SimulationResult, reference: Reference | None, normalize: Normalizer, shifts_s: Sequence[float] = ()
) -> dict[str, Any]:
    """Computes all figures of a run; those that could not be measured are None.

    Args:
        run: With one or more sources that all play the reference.
        reference: What was spoken, or None.
        normalize: Maps text to words as they are counted.
        shifts_s: For each source, how many seconds later than in the reference its words come; negative if its
            beginning was cut off. Empty: none is shifted.
    """
    shown: list[float] = []
    settled: list[float] = []
    final: list[list[float]] = [[] for _ in range(QUARTERS)]
    erasures, error_rates, corrected_error_rates, correction_delays, start_errors_ms, end_errors_ms = (
        [],
        [],
        [],
        [],
        [],
        [],
    )
    for trace, shift in zip(run.traces, shifts_s or [0.0] * len(run.traces), strict=True):
        finals = [f for _, f in trace.finals]
        states = [DisplayState(s.at - shift, s.words, s.settled) for s in display_states(trace, normalize)]
        own_words = caption_words(finals, normalize)
        spoken = (
            reference.timed_words
            if reference and reference.timed_words
            else tuple(replace(w, end=w.end - shift) for w in own_words)
        )
        shown += delays(states, spoken, settled=False)
        settled += delays(states, spoken, settled=True)
        erasures.append(erasure(states))
        correction_delays += trace.correction_delays
        if reference:
            error_rates.append(error_rate(reference.text, normalized_words(finals, normalize)))
            if trace.correction_delays:
                corrected = normalized_words(trace.final_captions, normalize)
                corrected_error_rates.append(error_rate(reference.text, corrected))
        if reference and reference.timed_words:
            timed = reference.timed_words
            pairs, _ = align([w.text for w in timed], [w.text for w in own_words])
            start_errors_ms += [abs(own_words[j].start - shift - timed[i].start) * 1000 for i, j in pairs]
            end_errors_ms += [abs(own_words[j].end - shift - timed[i].end) * 1000 for i, j in pairs]
        length = max((f.end for f in finals), default=1.0)
        for at, caption in trace.finals:
            for word in caption.words:
                final[min(int(QUARTERS * word.end / length), QUARTERS - 1)].append(at - word.end)
    all_final = [delay for quarter in final for delay in quarter]
    overdue = [seconds for _, seconds in run.overdue]
    return {
        "wer": _mean(error_rates),
        "wer_second_look": _mean(corrected_error_rates),
        "second_look_cpu_s_per_s": run.second_look_cpu_s / run.audio_s,
        "second_look_p95_s": percentile(correction_delays, 0.95),
        "shown_p50_s": percentile(shown, 0.5),
        "shown_p95_s": percentile(shown, 0.95),
        "settled_p50_s": percentile(settled, 0.5),
        "settled_p95_s": percentile(settled, 0.95),
        "final_p50_s": percentile(all_final, 0.5),
        "final_p95_s": percentile(all_final, 0.95),
        "final_p50_s_by_quarter": [percentile(quarter, 0.5) for quarter in final],
        "erasure": _mean(erasures),
        "word_start_error_ms": _mean(start_errors_ms),
        "word_end_error_ms": _mean(end_errors_ms),
        "cpu_s_per_s": run.cpu_s / run.audio_s,
        "updates": len(run.decode_times),
        "update_p50_s": percentile(run.decode_times, 0.5),
        "update_p95_s": percentile(run.decode_times, 0.95),
        "overdue_p95_s": percentile(overdue, 0.95),
        "overdue_max_s": max(overdue, default=None),
    }


def mean_and_range(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merges several runs: of each number its mean, minimum and maximum, of each list the mean at each index."""
    merged: dict[str, Any] = {}
    for key, first in runs[0].items():
        if isinstance(first, list):
            merged[key] = [
                _mean([v for v in values if v is not None]) for values in zip(*(r[key] for r in runs), strict=True)
            ]
            continue
        values = [run[key] for run in runs if isinstance(run[key], int | float)]
        merged[key] = {"mean": statistics.mean(values), "min": min(values), "max": max(values)} if values else None
    return merged


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None
