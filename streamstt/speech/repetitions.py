"""What is said repeatedly: the engine loses its place in it, and loses count. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord
from streamstt.speech.reliability import MIN_WORD_DURATION
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS

MAX_REPEATED_WORD = samples_from_ms(400)  # words that are repeated are said fast,
MIN_STEP = samples_from_ms(100)  # but not faster than this
MIN_COUNT = 4  # so often a word is written before the engine may have lost count


def repetition_end(word: RecognizedWord) -> tuple[int, int]:
    """Returns the sample indices between which a repeated word ends: the next one may follow at once."""
    return word.start + MIN_WORD_DURATION, max(word.start, word.end) + MIN_WORD_DURATION


def without_broken_phrase(words: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
    """Returns the words without those after the last clause, which were part of a repetition; all if there is none."""
    count = next((n for n in range(len(words), 0, -1) if words[n - 1].text.endswith(CLAUSE_ENDS)), 0)
    return words[: count or len(words)]


def without_echoes(
    words: Sequence[RecognizedWord], committed: Sequence[RecognizedWord] = ()
) -> tuple[RecognizedWord, ...]:
    """Returns the words without those that are repeated faster than anybody speaks.

    Args:
        words: What was recognized.
        committed: The words before them, which stay.
    """
    known = [*committed[-MIN_COUNT:]]
    kept: list[RecognizedWord] = []
    for _, group in groupby([*known, *words], key=lambda word: _bare(word.text)):
        same = list(group)
        for n, word in enumerate(same):
            if n and len(same) >= MIN_COUNT and len(kept) >= len(known) and word.start - kept[-1].start < MIN_STEP:
                kept[-1] = kept[-1] if len(kept) == len(known) else replace(word, start=kept[-1].start)
            else:
                kept.append(word)
    return tuple(kept[len(known) :])


def continued(words: Sequence[RecognizedWord], rest: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
    """Returns the rest of a repetition as it is written within a sentence: "wait, wait", not "wait, Wait"."""
    if not words or not rest or words[-1].text.endswith(SENTENCE_ENDS):
        return rest
    first = replace(rest[0], text=rest[0].text.lower())
    return (first, *rest[1:]) if _bare(first.text) in {_bare(word.text) for word in words} else rest


def _bare(text: str) -> str:
    """Returns a word in lower case, without spaces and punctuation around it."""
    return text.strip(f" {''.join(CLAUSE_ENDS)}").casefold()
