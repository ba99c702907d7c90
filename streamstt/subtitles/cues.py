"""Splits a caption into cues of at most two short lines, timed by their words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streamstt.events import Final
from streamstt.text.characters import width
from streamstt.text.line_breaking import CLAUSE_END, balance_lines, break_lines

MAX_LINE_WIDTH = 42  # narrow characters per line, with two lines per cue: the limit of broadcasters and Netflix
MIN_LINE_WIDTH = 20  # however long the label of the source is
MIN_CUE_S = 1.0  # minimum duration of a cue, if there is time
READING_S_PER_CHARACTER = 1 / 17  # reading time per character, if there is time


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together from ``start`` to ``end`` (stream time, seconds)."""

    start: float
    end: float
    lines: tuple[str, ...]


def make_cues(final: Final, label: str = "") -> list[Cue]:
    """Splits a caption into cues, in order and without overlap.

    Args:
        final: A final caption with text.
        label: Label of the source, put before the text of each cue; empty: none.
    """
    prefix = f"{' '.join(label.split())}: " if label else ""
    limit = max(MAX_LINE_WIDTH - width(prefix), MIN_LINE_WIDTH)
    times = _LetterTimes(final, 0)
    cues: list[Cue] = []
    done = 0
    for lines in _group_lines(_caption_lines(final.text, limit, final.language)):
        count = _count_letters("".join(lines))
        start, end = times.at(done), times.at(done + count)
        labeled = (prefix + lines[0], *lines[1:])
        cues.append(Cue(start, max(end, start + 0.001), labeled))  # a cue must not end before it starts
        done += count
    return cues


def extend_for_reading(cue: Cue, until: float) -> Cue:
    """Extends a cue until it can be read, but not beyond the start of the next one.

    Args:
        cue: A cue that ends with its last word.
        until: Start of the next cue (s).
    """
    duration = max(MIN_CUE_S, READING_S_PER_CHARACTER * sum(map(width, cue.lines)))
    return replace(cue, end=max(cue.end, min(cue.start + duration, until)))


def _caption_lines(text: str, limit: int, language: str) -> list[str]:
    """Breaks a text into lines. Three at the end become two if they fit: a single last word would be shown briefly."""
    broken = break_lines(text, limit, language)
    if len(broken) > 3 and len(broken) % 2:  # shorter lines, so that the last cue is not a single line
        narrower = (break_lines(text, columns, language) for columns in range(limit, limit // 2, -1))
        broken = next((lines for lines in narrower if len(lines) == len(broken) + 1), broken)
    rest = " ".join(broken[-3:])
    # Scripts without spaces are excluded: joining their lines would insert spaces, and they fill lines well anyway.
    if len(broken) % 2 == 0 or len(broken) < 3 or not " ".join(text.split()).endswith(rest):
        return broken
    return [*broken[:-3], *(balance_lines(rest, limit, language) or broken[-3:])]


def _group_lines(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Groups lines in pairs; of a last three, the first is alone if a clause ends with it and not with the second."""
    at = 0
    while at < len(lines):
        three = len(lines) - at == 3
        alone = three and CLAUSE_END.search(lines[at]) and not CLAUSE_END.search(lines[at + 1])
        count = 1 if alone else 2
        yield lines[at : at + count]
        at += count


def _count_letters(text: str) -> int:
    return sum(not char.isspace() for char in text)


class _LetterTimes:
    """Maps the letters of a caption (white space not counted) to the times when they were spoken."""

    def __init__(self, final: Final, prefix_letters: int) -> None:
        """Interpolates within words; without matching words, over the whole caption.

        Args:
            final: A final caption.
            prefix_letters: Number of letters before the text, which take no time.
        """
        self._prefix_letters = prefix_letters
        count = _count_letters(final.text)
        spans = [(_count_letters(word.text), word.start, word.end) for word in final.words]
        words_match_text = sum(letters for letters, _, _ in spans) == count
        self._spans = spans if words_match_text else [(count, final.start, final.end)]
        self._start, self._end = final.start, final.end
        self._letter_count = count

    def at(self, letter: int) -> float:
        """Returns the time (s) at which that many letters have been spoken."""
        rest = letter - self._prefix_letters
        if rest <= 0:
            return self._start
        if rest >= self._letter_count:
            return self._end
        for letters, start, end in self._spans:
            if rest < letters:
                return round(start + (end - start) * rest / letters, 3)
            rest -= letters
        return self._end
