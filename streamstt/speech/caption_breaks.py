"""Where captions end: after a sentence, or where a reader would pause. Pure functions on words.

The end of a caption is never taken back. So if a word may end a sentence or not, the next word is waited for.
"""

from collections.abc import Sequence
from itertools import accumulate

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.speech.whole_phrases import CURRENCY, bare, belongs_together, is_counted, may_continue
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS, SPACELESS_LANGUAGES
from streamstt.text.function_words import FUNCTION_WORDS
from streamstt.text.line_break_data import CLOSERS, COUNTERS, NO_LINE_END, NO_LINE_START, PHRASE_OPENERS
from streamstt.text.sentences import FULL_STOP, OPENERS, ends_sentence
from streamstt.text.word_boundaries import CONTEXT, word_starts

MIN_SENTENCE_WORDS = 3  # a shorter sentence stays with the next one: "Yes. I do."
MIN_PAUSE = samples_from_ms(300)  # such a pause may end a caption before it is too long
# How long a caption becomes, as a share of the greatest length:
SOFT_LIMIT = 0.75  # from here on it ends with a pause,
LAST_CHANCE = 0.85  # from here on with any good place, if it could not end there later; and
HARD_LIMIT = 2.0  # up to here it is too long rather than end after "the" or "to",
WHOLE_LIMIT = 4.0  # and up to here rather than inside a number, name or address.

# What a break is worth beside its pause, in samples.
CLAUSE_VALUE = samples_from_ms(400)
OPENER_VALUE = samples_from_ms(150)
NAME_COST = samples_from_ms(300)


def caption_break(
    words: Sequence[RecognizedWord],
    max_samples: int,
    stable_words: int = 0,
    language: str = "",
    following: Sequence[RecognizedWord] = (),
) -> int | None:
    """Returns how many of the committed words the first caption takes; None while it may still grow.

    A caption ends with a sentence; if it is longer than half of ``max_samples``, with a clause; and if it is longer
    than ``max_samples``, where a reader would pause.

    Args:
        words: Committed words that are in no final yet.
        max_samples: Greatest length of a caption, in samples.
        stable_words: How many words are stable in the open caption, which cannot end before them.
        language: Language code; empty: unknown.
        following: Words after them that may still change.
    """
    breaks = _Breaks(words, following, language)
    for n in range(max(stable_words, 1), len(words) + 1):
        length = (words[n - 1].end - words[0].start) / max_samples
        if n >= MIN_SENTENCE_WORDS and breaks.ends_sentence(n):
            return n
        if (length > 1 / 2 and breaks.ends_clause(n)) or (length > SOFT_LIMIT and breaks.has_pause(n)):
            return n
        if length > 1 and (count := breaks.find_pause(max(stable_words, 1), n, length)):
            return count
    return breaks.find_last_chance(stable_words, len(words), words[0].start, max_samples) if words else None


def calls_for_more(words: Sequence[RecognizedWord], language: str) -> bool:
    """Returns whether a reader would go on after some words: the last is one as "the" or "Dr.", or part of a number."""
    return bool(words) and _Breaks(words, (), language).calls_for_more


class _Breaks:
    """The places between words. Place n is after the first n of them."""

    def __init__(self, words: Sequence[RecognizedWord], following: Sequence[RecognizedWord], language: str) -> None:
        """Finds the whole words that the model's pieces form; arguments as for ``caption_break``."""
        self._pieces = [*words, *following]
        self._language = language
        self._spaced = language not in SPACELESS_LANGUAGES and any(w.text.startswith(" ") for w in self._pieces)
        self._good: dict[int, bool] = {}  # what has been decided, by place
        self._find_word_starts()

    @property
    def calls_for_more(self) -> bool:
        """Whether a reader would go on after the last word."""
        n = len(self._pieces)
        return may_continue(self._last_words(n)[-1]) or not (self.ends_sentence(n) or self.is_good(n))

    def ends_sentence(self, n: int) -> bool:
        """Returns whether a sentence ends there, for certain."""
        if not self._starts_word(n):
            return False
        before, after = self._last_words(n), self._next_words(n)
        if before[-1].endswith(FULL_STOP) and self._is_number_stop(before, after):
            return False
        if before[-1].endswith(("...", "…")) and self._leans(before[-1]):  # "than the..."
            return False
        return ends_sentence(before, after[0] if after else None, self._language) is True

    def _is_number_stop(self, before: Sequence[str], after: Sequence[str]) -> bool:
        """Returns whether a full stop is, or may be, inside a number or a date: "3 million. 412,605"."""
        if not after:
            return may_continue(before[-1])
        return after[0].lstrip("".join(CURRENCY))[:1].isdigit() and belongs_together(before, after, self._language)

    def ends_clause(self, n: int) -> bool:
        """Returns whether a clause ends there: a comma or the like that is not part of a number or date."""
        last = self._last_words(n)[-1]
        if last.rstrip(CLOSERS).endswith(SENTENCE_ENDS):
            return self.ends_sentence(n)
        if not last.rstrip(CLOSERS).endswith(CLAUSE_ENDS):
            return False
        return self._is_possible(n) and not (n == len(self._pieces) and may_continue(last))

    def has_pause(self, n: int) -> bool:
        """Returns whether there is a long pause, where a reader would pause."""
        return n < len(self._pieces) and self._pause(n) >= MIN_PAUSE and self.is_good(n)

    def find_pause(self, first: int, n: int, length: float) -> int | None:
        """Returns the best place before n for a reader to pause, if possible in the second half.

        Args:
            first: The first place that may be chosen.
            n: Place that is too late, unless it is the only one.
            length: Length of the caption at n; 1: as long as it should be.

        Returns:
            The place; None if it is better to wait for the next word.
        """
        late = range(max(first, n // 2), n) or range(n, n + 1)
        early = range(max(first, MIN_SENTENCE_WORDS), n // 2)
        places = [k for k in late if self.is_good(k)] or [k for k in early if self.is_good(k)]
        if not places and length > HARD_LIMIT:
            places = [k for k in late if self._is_possible(k)] or [k for k in early if self._is_possible(k)]
        if not places and length > WHOLE_LIMIT:
            places = [k for k in late if self._starts_word(k)][-1:]
        return max(places, key=self._value, default=None)

    def find_last_chance(self, first: int, n: int, start: int, max_samples: int) -> int | None:
        """Returns the best place up to n, beyond which there may be none before the caption is too long.

        Args:
            first: The first place that may be chosen.
            n: Place after the last committed word; words up to there will be stable.
            start: Sample index where the caption begins.
            max_samples: Its greatest length, in samples.

        Returns:
            The place; None if the caption may still grow, or if a sentence is about to end.
        """
        late = [k for k in range(n + 1, len(self._pieces) + 1) if self._pieces[k - 1].end - start <= max_samples]
        is_due = self._pieces[n - 1].end - start > LAST_CHANCE * max_samples
        if n == len(self._pieces) or not is_due or any(self.ends_sentence(k) for k in late):
            return None
        return max(filter(self.is_good, range(max(first, n // 2, 1), n + 1)), key=self._value, default=None)

    def _is_possible(self, k: int) -> bool:
        """Returns whether no word, number, name or address is broken there."""
        if not self._starts_word(k) or k in self._inside_words:
            return False
        before, after = self._last_words(k), self._next_words(k)
        if before[-1].endswith(".") and ends_sentence(before, after[0] if after else None, self._language) is not True:
            return False
        return not belongs_together(before, after, self._language)

    def is_good(self, k: int) -> bool:
        """Returns whether a reader would pause there: not after "the", "to" or "been", nor after "5" of "5 people"."""
        if k not in self._good:
            last, after = self._last_words(k)[-1], self._next_words(k)
            counted = bool(after) and is_counted(last, after[0])
            self._good[k] = self._is_possible(k) and not (counted or self._leans(last) or k in self._unsure)
        return self._good[k]

    def _leans(self, word: str) -> bool:
        """Returns whether a word leans on the next one, whatever sign other than a comma follows it."""
        small = word.lstrip(OPENERS).rstrip(".…-").casefold().replace("\u2019", "'")
        return small in FUNCTION_WORDS.get(self._language or "en", frozenset())

    def _value(self, k: int) -> int:
        """Returns how good a place is: the length of its pause, and what the words around it are worth."""
        before, after = self._last_words(k)[-1], "".join(self._next_words(k)[:1])
        value = self._pause(k)
        value += CLAUSE_VALUE if before.endswith(CLAUSE_ENDS) else 0
        value += OPENER_VALUE if bare(after) in PHRASE_OPENERS.get(self._language, frozenset()) else 0
        # In German all nouns are capitalized.
        value -= NAME_COST if self._language != "de" and before[:1].isupper() and after[:1].isupper() else 0
        return value

    def _pause(self, k: int) -> int:
        """Returns the length of the silence there, in samples."""
        return self._pieces[k].start - self._pieces[k - 1].end if k < len(self._pieces) else 0

    def _starts_word(self, k: int) -> bool:
        """Returns whether the piece after place k begins a word; so does one that is not known yet."""
        if k >= len(self._pieces):
            return True
        text = self._pieces[k].text
        if NO_LINE_START.issuperset(text.strip()):  # a full stop that came later
            return False
        if text.startswith(" ") or self._spaced:
            return text.startswith(" ")
        if self._pieces[k - 1].text[-1:].isdigit() and text[0] in COUNTERS:
            return False
        inside_latin = (self._pieces[k - 1].text[-1:] + text[0]).isascii() and text[0].isalnum()
        return (text[0].isalnum() and not inside_latin) or text[0] in NO_LINE_END

    def _last_words(self, k: int) -> list[str]:
        """Returns the last three whole words before place k, or fewer."""
        words: list[str] = []
        start = k
        while start > 0 and len(words) < 3:
            end, start = start, start - 1
            while start > 0 and not self._starts_word(start):
                start -= 1
            words.insert(0, join_words(self._pieces[start:end]).strip())
        return words

    def _next_words(self, k: int) -> list[str]:
        """Returns the first four whole words after place k, or fewer if they are not known yet."""
        words: list[str] = []
        start = k
        while start < len(self._pieces) and len(words) < 4:
            end = start + 1
            while end < len(self._pieces) and not self._starts_word(end):
                end += 1
            words.append(join_words(self._pieces[start:end]).strip())
            start = end
        return words

    def _find_word_starts(self) -> None:
        """Finds the places inside words in scripts without spaces, and those where other characters may tell that."""
        self._inside_words, self._unsure = set[int](), set[int]()
        texts = [w.text.replace(" ", "") for w in self._pieces]
        starts = word_starts("".join(texts), self._language)
        if starts is None:
            return
        offsets = list(accumulate(map(len, texts), initial=0))
        for place, offset in enumerate(offsets[:-1]):
            if place and not self._pieces[place].text.startswith(" "):
                self._inside_words |= set() if offset in starts else {place}
                self._unsure |= set() if CONTEXT <= offset <= offsets[-1] - CONTEXT else {place}
