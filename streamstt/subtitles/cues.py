"""A caption as cues of at most two short lines, each in the time of its words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streamstt.events import Final
from streamstt.text.line_breaking import CLAUSE_END, balance_lines, break_lines

MAX_LINE_WIDTH = 42  # narrow characters a line, and two lines a cue, as broadcasters and Netflix have it
MIN_CUE_S = 1.0  # that a cue stays, where there is time
READING_S_PER_CHARACTER = 1 / 17  # for each character, the same


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are shown together, from ``start`` to ``end`` (s)."""

    start: float
    end: float
    lines: tuple[str, ...]


def make_cues(final: Final, label: str = "") -> list[Cue]:
    """The cues of a caption, in order; none overlaps another.

    Args:
        final: With a text.
        label: Stands before the text, in the first cue.
    """
    head = f"{' '.join(label.split())}: " if label else ""
    clock = _LetterTimes(final, _count_letters(head))
    cues: list[Cue] = []
    done = 0
    for pair in _group_lines(_caption_lines(head + final.text, final.language)):
        count = _count_letters("".join(pair))
        start, end = clock.at(done), clock.at(done + count)
        cues.append(Cue(start, max(end, start + 0.001), tuple(pair)))  # a cue must not end before it starts
        done += count
    return cues


def extend_for_reading(cue: Cue, until: float) -> Cue:
    """The cue for as long as it takes to read, if nothing else is to be shown before.

    Args:
        cue: In the time of its words.
        until: When the next one begins (s).
    """
    wanted = max(MIN_CUE_S, READING_S_PER_CHARACTER * sum(map(len, cue.lines)))
    return replace(cue, end=max(cue.end, min(cue.start + wanted, until)))


def _caption_lines(text: str, language: str) -> list[str]:
    """Its lines. Three at the end become two where they can: a word by itself is soon gone."""
    broken = break_lines(text, MAX_LINE_WIDTH, language)
    rest = " ".join(broken[-3:])
    # In scripts without spaces lines are not joined by one, and are filled better anyway.
    if len(broken) % 2 == 0 or len(broken) < 3 or not " ".join(text.split()).endswith(rest):
        return broken
    return [*broken[:-3], *(balance_lines(rest, MAX_LINE_WIDTH, language) or broken[-3:])]


def _group_lines(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Two lines at a time; of three, the first stands alone if a clause ends there and not with the second."""
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
    """When each letter of a caption was said; space is not counted."""

    def __init__(self, final: Final, prefix_letters: int) -> None:
        """Takes the times of the words.

        Args:
            final: With its words; without, or if they do not say its text, letters are spread over its time.
            prefix_letters: So many letters stand before the text, in no time.
        """
        self._prefix_letters = prefix_letters
        count = _count_letters(final.text)
        spans = [(_count_letters(word.text), word.start, word.end) for word in final.words]
        known = sum(letters for letters, _, _ in spans) == count
        self._spans = spans if known else [(count, final.start, final.end)]
        self._start, self._end = final.start, final.end
        self._letter_count = count

    def at(self, letter: int) -> float:
        """When so many letters are said: at the beginning the caption begins, at the end it ends (s)."""
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
