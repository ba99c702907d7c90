"""Which words of a growing hypothesis to commit, and which of the others to show. Pure functions on words.

The policy is LocalAgreement-2 (Liu et al. 2020, "Low-latency sequence-to-sequence speech recognition and translation
by partial hypothesis selection"; Macháček et al. 2023, "Turning Whisper into real-time transcription system"): words on
which two updates in a row agree, and which ended long enough ago, are committed. The engine then continues after them.

What the engine makes up of half a sentence is often another sentence in the next update. Its probability tells, so the
words from a doubtful one on are not shown for a second.
"""

import re
from collections.abc import Sequence

from streamstt.engine.base import RecognizedWord

COMMIT_PROBABILITY = 0.2  # a word of at least this probability is committed as soon as two updates agree on it
SHOW_PROBABILITY = 0.4  # a word of at least this probability is shown at once


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


def shown_prefix(draft: Sequence[RecognizedWord], doubtful_before: int) -> int:
    """Returns how many words that may still change to show: those before the first doubtful one.

    Args:
        draft: What was recognized after the committed words.
        doubtful_before: Sample index; a word that ended by then is shown even if it is doubtful.
    """
    return next(
        (n for n, w in enumerate(draft) if w.probability < SHOW_PROBABILITY and w.end > doubtful_before), len(draft)
    )


def _normalized_text(word: RecognizedWord) -> str:
    """Returns a word without what is only written: case, and punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word.text.casefold())
