"""When each letter of a caption was spoken. Pure."""

from streamstt.events import Final


def count_letters(text: str) -> int:
    """Returns the number of characters that are not white space."""
    return sum(not char.isspace() for char in text)


class LetterTimes:
    """Maps the letters of a caption (white space not counted) to the times when they were spoken."""

    def __init__(self, final: Final) -> None:
        """Interpolates within words; without matching words, over the whole caption.

        Args:
            final: A final caption.
        """
        count = count_letters(final.text)
        spans = [(count_letters(word.text), word.start, word.end) for word in final.words]
        words_match_text = sum(letters for letters, _, _ in spans) == count
        self._spans = spans if words_match_text else [(count, final.start, final.end)]
        self._start, self._end = final.start, max(final.start, final.end)

    def at(self, letter: int) -> float:
        """Returns the time (s) at which that many letters have been spoken, within the caption."""
        rest = letter
        for letters, start, end in self._spans:
            if rest < letters:
                time = round(start + (end - start) * rest / letters, 3) if letter else self._start
                return min(max(time, self._start), self._end)
            rest -= letters
        return self._end
