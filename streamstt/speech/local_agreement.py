"""Which words of a growing hypothesis to commit, and where captions end. Pure functions on words.

The policy is LocalAgreement-2 (Liu et al. 2020, "Low-latency sequence-to-sequence speech recognition and translation
by partial hypothesis selection"; Macháček et al. 2023, "Turning Whisper into real-time transcription system"): words on
which two updates in a row agree, and which ended long enough ago, are committed. The engine then continues after them.
"""

import re
from collections.abc import Sequence

from streamstt.engine.base import RecognizedWord
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS

COMMIT_PROBABILITY = 0.2  # a word of at least this probability is committed as soon as two updates agree on it
MIN_SENTENCE_WORDS = 3  # keeps "Mr." and "No. 5" in one caption with what follows


def agreed_prefix(
    draft: Sequence[RecognizedWord], words: Sequence[RecognizedWord], before: int, unsure_before: int
) -> int:
    """Returns how many words to commit: those that both updates share from the start and that ended by ``before``.

    Words agree if they sound the same: if a comma becomes a full stop, and the next word gets a capital letter, they
    are committed as they are written now.

    Args:
        draft: What the last update recognized after the committed words.
        words: What this update recognized after them.
        before: Sample index; words that end later may still be cut off or misrecognized.
        unsure_before: The same for words of low probability, which more context may improve.
    """
    previous = iter([text for w in draft if (text := _normalized_text(w))])
    count = 0
    for n, word in enumerate(words, 1):
        if word.end > (before if word.probability >= COMMIT_PROBABILITY else unsure_before):
            break
        text = _normalized_text(word)
        if text and text != next(previous, ""):
            break
        count = n
    return count


def _normalized_text(word: RecognizedWord) -> str:
    """Returns a word without what is only written: case, and punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word.text.casefold())


def caption_break(words: Sequence[RecognizedWord], max_samples: int, stable_words: int = 0) -> int | None:
    """Returns how many of the committed words the first caption takes; None while it may still grow.

    A caption ends with a sentence; if it is longer than half of ``max_samples``, with a clause; and if it is longer
    than ``max_samples``, at its longest pause in the second half of its words.

    Args:
        words: Committed words that are in no final yet.
        max_samples: Greatest length of a caption, in samples.
        stable_words: How many words are stable in the open caption, which cannot end before them.
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
