"""Divides the text of a caption among cues, so that they are alike in text and in time. Pure."""

import math
from itertools import accumulate, pairwise

from streamstt.subtitles.labels import MAX_LINE_WIDTH, make_label_style
from streamstt.subtitles.places import find_places, place_cost
from streamstt.subtitles.word_times import LetterTimes, count_letters
from streamstt.text.characters import width

MIN_CUE_S = 1.0  # minimum duration of a cue, if there is time
READING_S_PER_CHARACTER = 1 / 17  # reading time per narrow character, if there is time; a wide one counts twice

# What disturbs a reader, beside the cost of a place.
UNEVEN_COST = 8.0  # one cue is twice as long as it should be, or one line of a cue is empty
HURRY_COST = 2.0  # one lacks a second to be read
LINE_SHARE = 0.5  # what a place costs between two lines, as a share of what it costs between two cues


class Division:
    """A caption with the places where it may be divided: between its parts."""

    def __init__(self, text: str, language: str, label: str, times: LetterTimes, until: float) -> None:
        """Finds the places.

        Args:
            text: Words with single spaces between them.
            language: Language code.
            label: Name of the source; empty: none is shown.
            times: When the letters were spoken.
            until: Until when the last cue may be shown (s).
        """
        self._text = text
        self._offsets = find_places(text, MAX_LINE_WIDTH, language)
        parts = [text[start:end] for start, end in pairwise(self._offsets)]
        self._style = make_label_style(label, max(width(part.rstrip()) for part in parts))
        self._starts = list(accumulate(map(width, parts), initial=0))
        spaces = [0, *(len(part) - len(part.rstrip()) for part in parts)]
        self._ends = [start - space for start, space in zip(self._starts, spaces, strict=True)]
        letters = accumulate(map(count_letters, parts), initial=0)
        self._times = [times.at(n) for n in letters]
        self._times[-1] = max(self._times[-1], until)
        self._costs = [place_cost(text, place, language) for place in self._offsets[1:-1]]
        self._line_breaks: dict[tuple[int, int], int | None] = {}  # what has been found

    def find_best(self) -> list[int]:
        """Returns the indexes of the places that divide the text into the fewest cues, the first and last included."""
        widest = self._style.first_width + (self._style.text_lines - 1) * MAX_LINE_WIDTH
        fewest = max(1, math.ceil((self._ends[-1] + 1) / (widest + 1)))  # the space between two cues is in none
        divisions = (self._best_of(count) for count in range(fewest, len(self._offsets)))
        return next(filter(None, divisions), list(range(len(self._offsets))))

    def time(self, place: int) -> float:
        """Returns when the text after a place begins to be spoken (s); after the last one: until when it is shown."""
        return self._times[place]

    def _best_of(self, count: int) -> list[int] | None:
        """Returns the places of the best division into so many cues; None if they do not fit."""
        last = len(self._offsets) - 1
        best: dict[int, tuple[float, list[int]]] = {0: (0.0, [0])}  # by last place: cost, and the places
        for _ in range(count):
            longer: dict[int, tuple[float, list[int]]] = {}
            for i, (cost, path) in best.items():
                for j in range(i + 1, last + 1):
                    cue_cost = self._cost(i, j, count)
                    if cue_cost is None:
                        break
                    if j not in longer or cost + cue_cost < longer[j][0]:
                        longer[j] = cost + cue_cost, [*path, j]
            best = longer
        return best[last][1] if last in best else None

    def lines(self, i: int, j: int) -> tuple[str, ...]:
        """Returns the lines of the cue between two places, with the name of the source."""
        k = self._line_break(i, j)
        spans = [(i, j)] if k is None else [(i, k), (k, j)]
        first, *rest = (self._text[self._offsets[a] : self._offsets[b]].strip() for a, b in spans)
        lines = (self._style.prefix + first, *rest)
        return (self._style.name_line, *lines) if self._style.name_line else lines

    def _line_break(self, i: int, j: int) -> int | None:
        """Returns the best place between two lines of a cue; None if it has one line, or does not fit."""
        if (i, j) not in self._line_breaks:
            self._line_breaks[i, j] = self._find_line_break(i, j)
        return self._line_breaks[i, j]

    def _find_line_break(self, i: int, j: int) -> int | None:
        if self._is_line(i, j, self._style.first_width) or self._style.text_lines == 1:
            return None
        fitting = (k for k in range(i + 1, j) if self._is_line(i, k, self._style.first_width) and self._is_line(k, j))
        return min(fitting, key=lambda k: self._line_cost(i, k, j), default=None)

    def _line_cost(self, i: int, k: int, j: int) -> float:
        """Returns how much a line break at a place within a cue disturbs a reader."""
        first, second = self._width(i, k) + MAX_LINE_WIDTH - self._style.first_width, self._width(k, j)
        return self._costs[k - 1] + UNEVEN_COST * ((first - second) / (first + second)) ** 2

    def _cost(self, i: int, j: int, count: int) -> float | None:
        """Returns how much a cue between two places disturbs a reader, as one of so many; None if it does not fit."""
        k = self._line_break(i, j)
        if k is None and not self._is_line(i, j, self._style.first_width):
            return None
        lacking = READING_S_PER_CHARACTER * self._width(i, j) - (self._times[j] - self._times[i])
        cost = UNEVEN_COST * (self._width(i, j) * count / self._ends[-1] - 1) ** 2 + HURRY_COST * max(0.0, lacking)
        if k is not None:
            cost += LINE_SHARE * self._line_cost(i, k, j)
        return cost + (self._costs[j - 1] if j < len(self._offsets) - 1 else 0)

    def _is_line(self, i: int, j: int, limit: int = MAX_LINE_WIDTH) -> bool:
        return self._width(i, j) <= limit

    def _width(self, i: int, j: int) -> int:
        return self._ends[j] - self._starts[i]
