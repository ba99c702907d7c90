"""Takes words out of a text, and mends the commas, full stops and capital letters around them. Pure."""

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
"""By language, for "er" and "um" are words in German. Not "mm", which is a unit, nor what says yes or no ("uh-huh")."""
COMMAS = frozenset(",、，،")
NON_ENDING = COMMAS | {"", "…", "..."}  # behind a filler these end no sentence: the speaker hesitates


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done with the next tokens.

    Attributes:
        consumed: So many are done with; 0: this is not for them.
        text: What is written for them.
        removed: Whether they were taken out.
        capitalize_next: Whether the next word begins the sentence in their place, with a capital letter.
    """

    consumed: int
    text: str = ""
    removed: bool = False
    capitalize_next: bool = False


class Matcher(Protocol):
    """Says how many tokens are to be dropped there; 0: none, ``NEED_MORE``: more could complete what is to be dropped."""

    def __call__(self, tokens: Sequence[str], at: int, *, growing: bool) -> int:
        """As above."""
        ...


def find_removal(tokens: Sequence[str], at: int, written: str, matcher: Matcher, *, growing: bool) -> Edit | None:
    """Drops what begins there, with the comma and the space before it and the sign behind it.

    A comma stays when one stood before ("So, um, we" becomes "So, we"; "the um, thing" becomes "the thing"); so does
    the end of a sentence, unless all of the sentence is dropped. A question of its own ("Hmm?") is not dropped.

    Args:
        tokens: Tokens.
        at: Which of them is the first.
        written: What stands before.
        matcher: Says what is to be dropped.
        growing: More may be said.

    Returns:
        What is done; None if that depends on what is said next.
    """
    begin = _removal_start(tokens, at, written)
    if begin is None:
        return Edit(0)
    following: int | None = begin
    stop, sign = at, ""
    while following is not None and sign in NON_ENDING:  # one after the other: "um, uh, well"
        count = matcher(tokens, following, growing=growing) if following < len(tokens) else NEED_MORE * growing
        end = following + count
        if not count or (count != NEED_MORE and not _is_separate(tokens, following, end)):
            break
        stop = _punctuation_end(tokens, end)
        if growing and (count == NEED_MORE or stop == len(tokens)):
            return None
        sign = "".join(tokens[end:stop])
        following = _removal_start(tokens, stop, sign) if stop < len(tokens) else None
    alone = not written.strip() or written.rstrip().endswith(SENTENCE_ENDS)
    if stop == at or (alone and "?" in sign):
        return Edit(0)
    if sign not in NON_ENDING:
        return Edit(stop - at, "" if alone else sign, removed=True)
    comma = tokens[at] if tokens[at] in COMMAS else ""
    return Edit(stop - at, comma, removed=True, capitalize_next=alone and tokens[begin][0].isupper())


def _removal_start(tokens: Sequence[str], at: int, written: str) -> int | None:
    """Where what may be dropped begins: behind a space, with or without a comma before it, or at the very beginning."""
    begin = at + 1 if tokens[at] in COMMAS and written.strip() else at
    spaced = begin < len(tokens) and tokens[begin] == " "
    begin += spaced
    free = spaced or begin == len(tokens) or not written.strip() or SPACELESS_CHARACTER.match(tokens[begin])
    return begin if free else None


def _is_separate(tokens: Sequence[str], start: int, end: int) -> bool:
    """Whether nothing belongs to it, as the rest of "uh-huh" does."""
    if end >= len(tokens):
        return True
    after = tokens[end]
    apart = after == " " or after in COMMAS or after in SENTENCE_ENDS
    return apart or bool(SPACELESS_CHARACTER.match(tokens[start]))


def _punctuation_end(tokens: Sequence[str], at: int) -> int:
    """Where the signs end that belong to what stood before: a comma, or a run of ends of a sentence."""
    if at < len(tokens) and tokens[at] in COMMAS:
        return at + 1
    while at < len(tokens) and tokens[at] in SENTENCE_ENDS:
        at += 1
    return at


def capitalize_first(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return text[0].upper() + text[1:]
