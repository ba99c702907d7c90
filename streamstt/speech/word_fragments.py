"""Joins the pieces that the model writes as words of their own to the words that they belong to. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from streamstt.engine.base import RecognizedWord


def join_fragments(words: Sequence[RecognizedWord]) -> list[RecognizedWord]:
    """Joins to each word its fragments: a full stop that came later, or the rest of "ill-disposed"."""
    spaced = any(w.text.startswith(" ") for w in words)  # without spaces, only punctuation is a fragment
    joined: list[RecognizedWord] = []
    for word in words:
        starts_word = word.text.startswith(" ") if spaced else any(c.isalnum() for c in word.text)
        if joined and not starts_word:
            joined[-1] = replace(joined[-1], text=joined[-1].text + word.text, end=max(joined[-1].end, word.end))
        else:
            joined.append(word)
    return joined
