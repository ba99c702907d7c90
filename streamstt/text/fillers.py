"""Removes words from a text and repairs the punctuation and capitalization around them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamstt.text.characters import SENTENCE_ENDS, SPACELESS_CHARACTER
from streamstt.text.patterns import NEED_MORE

FILLERS: dict[str, frozenset[str]] = {
    "en": frozenset({"um", "umm", "uh", "uhh", "uhm", "er", "erm", "hm", "hmm", "hmmm"}),
    "de": frozenset({"äh", "ähm", "öh", "öhm", "hm", "hmm", "hmmm"}),
    "fr": frozenset({"euh", "heu", "hum", "hm", "hmm", "hmmm"}),
    "es": frozenset({"eh", "em", "ehm", "mmm", "hm", "hmm", "hmmm"}),
}
"""Fillers by language, because "er" and "um" are words in German. Without "mm" (a unit) and "uh-huh" (an answer)."""
COMMAS = frozenset(",、，،")
NON_ENDING = COMMAS | {"", "…", "..."}  # after a filler these do not end a sentence


@dataclass(frozen=True, slots=True)
class Edit:
    """What to do with the next tokens.

    Attributes:
        consumed: Number of tokens that the edit covers; 0: nothing to do.
        text: Replacement text.
        removed: Whether words were removed.
        capitalize_next: Whether the next word becomes the start of the sentence and needs a capital letter.
    """

    consumed: int
    text: str = ""
    removed: bool = False
    capitalize_next: bool = False


class Matcher(Protocol):
    """Decides how many tokens to remove."""

    def __call__(self, tokens: Sequence[str], at: int, *, growing: bool) -> int:
        """Returns how many tokens to remove from ``at`` on.

        0: none. ``NEED_MORE``: the text is still growing, and more tokens could complete a phrase to remove.
        """
        ...


def find_removal(tokens: Sequence[str], at: int, written: str, matcher: Matcher, *, growing: bool) -> Edit | None:
    """Finds what to remove at a position: the words, the comma and space before them and the punctuation after them.

    A comma stays if there was one before ("So, um, we" becomes "So, we"; "the um, thing" becomes "the thing"), and so
    does the end of a sentence, unless the whole sentence is removed. A question on its own ("Hmm?") is not removed.

    Args:
        tokens: Tokens of the text (see ``patterns.tokenize``).
        at: Index of the first token to consider.
        written: Output text before it.
        matcher: Decides which words to remove.
        growing: Whether more words may follow.

    Returns:
        The edit; None if it depends on the words that follow.
    """
    begin = _removal_start(tokens, at, written)
    if begin is None:
        return Edit(0)
    following: int | None = begin
    stop, punctuation = at, ""
    while following is not None and punctuation in NON_ENDING:  # several in a row: "um, uh, well"
        count = matcher(tokens, following, growing=growing) if following < len(tokens) else NEED_MORE * growing
        end = following + count
        if not count or (count != NEED_MORE and not _is_separate(tokens, following, end)):
            break
        stop = _punctuation_end(tokens, end)
        if growing and (count == NEED_MORE or stop == len(tokens)):
            return None
        punctuation = "".join(tokens[end:stop])
        following = _removal_start(tokens, stop, punctuation) if stop < len(tokens) else None
    at_sentence_start = not written.strip() or written.rstrip().endswith(SENTENCE_ENDS)
    if stop == at or (at_sentence_start and "?" in punctuation):
        return Edit(0)
    if punctuation not in NON_ENDING:
        return Edit(stop - at, "" if at_sentence_start else punctuation, removed=True)
    comma = tokens[at] if tokens[at] in COMMAS else ""
    return Edit(stop - at, comma, removed=True, capitalize_next=at_sentence_start and tokens[begin][0].isupper())


def _removal_start(tokens: Sequence[str], at: int, written: str) -> int | None:
    """Returns the index of a word that may be removed: after a space, with or without a comma, or at the beginning."""
    begin = at + 1 if tokens[at] in COMMAS and written.strip() else at
    spaced = begin < len(tokens) and tokens[begin] == " "
    begin += spaced
    at_boundary = spaced or begin == len(tokens) or not written.strip() or SPACELESS_CHARACTER.match(tokens[begin])
    return begin if at_boundary else None


def _is_separate(tokens: Sequence[str], start: int, end: int) -> bool:
    """Returns whether the words are not part of a compound such as "uh-huh"."""
    if end >= len(tokens):
        return True
    after = tokens[end]
    separated = after == " " or after in COMMAS or after in SENTENCE_ENDS
    return separated or bool(SPACELESS_CHARACTER.match(tokens[start]))


def _punctuation_end(tokens: Sequence[str], at: int) -> int:
    """Returns the end of the punctuation from ``at`` on: one comma, or a run of sentence ends."""
    if at < len(tokens) and tokens[at] in COMMAS:
        return at + 1
    while at < len(tokens) and tokens[at] in SENTENCE_ENDS:
        at += 1
    return at


def capitalize_first(text: str) -> str:
    """Makes the first letter a capital letter."""
    return text[0].upper() + text[1:]
