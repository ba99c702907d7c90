"""Which words of a growing hypothesis will not change any more, and where captions end. Pure functions on words.

The policy is local agreement (Liu et al. 2020, "Low-latency sequence-to-sequence speech recognition and translation
by partial hypothesis selection"; Macháček et al. 2023, "Turning Whisper into real-time transcription system"): what two
updates in a row say alike, and was said long enough ago, is committed. The engine then continues after it.
"""

import re
from collections.abc import Sequence

from streamstt.engine.base import RecognizedWord
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS

COMMIT_PROBABILITY = 0.2  # probability from which a word is committed as soon as it has held
MIN_SENTENCE_WORDS = 3  # keeps "Mr." and "No. 5" in one caption with what follows


def agreed_prefix(
    draft: Sequence[RecognizedWord], words: Sequence[RecognizedWord], before: int, unsure_before: int
) -> int:
    """How many words to commit: those that ``draft`` and ``words`` share from the start, all ended by ``before``.

    They are the same when they sound the same: a comma that becomes a full stop, and the capital letter behind it, are
    taken as they are written now.

    Args:
        draft: What the last update said after the committed words.
        words: What this one says.
        before: Sample index; words that end later may still be cut off or misheard.
        unsure_before: The same for words that the engine is not sure of: more context may make it hear them better.
    """
    said = iter([spoken for w in draft if (spoken := _normalized_text(w))])
    count = 0
    for n, word in enumerate(words, 1):
        if word.end > (before if word.probability >= COMMIT_PROBABILITY else unsure_before):
            break
        spoken = _normalized_text(word)
        if spoken and spoken != next(said, ""):
            break
        count = n
    return count


def _normalized_text(word: RecognizedWord) -> str:
    """A word without what is only written: case, and signs around it."""
    return re.sub(r"^\W+|\W+$", "", word.text.casefold())


def caption_break(words: Sequence[RecognizedWord], max_samples: int, stable_words: int = 0) -> int | None:
    """How many of the committed words the first caption takes, or None while it may still grow.

    A caption ends with a sentence; in its second half, with a clause; and at the latest when it is longer than
    ``max_samples`` samples, before its longest pause.

    Args:
        words: Committed words that are in no final yet.
        max_samples: Samples.
        stable_words: So many words are shown as stable in the open caption: it cannot end before them.
    """
    for n in range(max(stable_words, 1), len(words) + 1):
        length = words[n - 1].end - words[0].start
        if n >= MIN_SENTENCE_WORDS and words[n - 1].text.endswith(SENTENCE_ENDS):
            return n
        if length > max_samples / 2 and words[n - 1].text.endswith(CLAUSE_ENDS):
            return n
        if length > max_samples:
            choices = range(max(stable_words, n // 2, 1), n) or [n]
            return max(choices, key=lambda k: words[k].start - words[k - 1].end if k < n else 0)
    return None
