"""Takes words out of a text, and mends the commas, full stops and capital letters around them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamstt.text.characters import SENTENCE_ENDS, SPACELESS
from streamstt.text.patterns import MORE

FILLERS: dict[str, frozenset[str]] = {
    "en": frozenset({"um", "umm", "uh", "uhh", "uhm", "er", "erm", "hm", "hmm", "hmmm"}),
    "de": frozenset({"äh", "ähm", "öh", "öhm", "hm", "hmm", "hmmm"}),
    "fr": frozenset({"euh", "heu", "hum", "hm", "hmm", "hmmm"}),
    "es": frozenset({"eh", "em", "ehm", "mmm", "hm", "hmm", "hmmm"}),
}
"""By language, for "er" and "um" are words in German. Not "mm", which is a unit, nor what says yes or no ("uh-huh")."""
COMMAS = frozenset(",、，،")
PASSING = COMMAS | {"", "…", "..."}  # behind a filler these end no sentence: the speaker hesitates


@dataclass(frozen=True, slots=True)
class Drop:
    """What is done with the next tokens.

    Attributes:
        taken: So many are done with; 0: this is not for them.
        text: What is written for them.
        dropped: Whether they were taken out.
        raised: Whether the next word begins the sentence in their place, with a capital letter.
    """

    taken: int
    text: str = ""
    dropped: bool = False
    raised: bool = False


class Wanted(Protocol):
    """Says how many tokens are to be dropped there; 0: none, ``MORE``: more could complete what is to be dropped."""

    def __call__(self, said: Sequence[str], at: int, *, growing: bool) -> int:
        """As above."""
        ...


def drop(said: Sequence[str], at: int, written: str, wanted: Wanted, *, growing: bool) -> Drop | None:
    """Drops what begins there, with the comma and the space before it and the sign behind it.

    A comma stays when one stood before ("So, um, we" becomes "So, we"; "the um, thing" becomes "the thing"); so does
    the end of a sentence, unless all of the sentence is dropped. A question of its own ("Hmm?") is not dropped.

    Args:
        said: Tokens.
        at: Which of them is the first.
        written: What stands before.
        wanted: Says what is to be dropped.
        growing: More may be said.

    Returns:
        What is done; None if that depends on what is said next.
    """
    begin = _begin(said, at, written)
    if begin is None:
        return Drop(0)
    following: int | None = begin
    stop, sign = at, ""
    while following is not None and sign in PASSING:  # one after the other: "um, uh, well"
        count = wanted(said, following, growing=growing) if following < len(said) else MORE * growing
        end = following + count
        if not count or (count != MORE and not _stands_apart(said, following, end)):
            break
        stop = _signs(said, end)
        if growing and (count == MORE or stop == len(said)):
            return None
        sign = "".join(said[end:stop])
        following = _begin(said, stop, sign) if stop < len(said) else None
    alone = not written.strip() or written.rstrip().endswith(SENTENCE_ENDS)
    if stop == at or (alone and "?" in sign):
        return Drop(0)
    if sign not in PASSING:
        return Drop(stop - at, "" if alone else sign, dropped=True)
    comma = said[at] if said[at] in COMMAS else ""
    return Drop(stop - at, comma, dropped=True, raised=alone and said[begin][0].isupper())


def _begin(said: Sequence[str], at: int, written: str) -> int | None:
    """Where what may be dropped begins: behind a space, with or without a comma before it, or at the very beginning."""
    begin = at + 1 if said[at] in COMMAS and written.strip() else at
    spaced = begin < len(said) and said[begin] == " "
    begin += spaced
    free = spaced or begin == len(said) or not written.strip() or SPACELESS.match(said[begin])
    return begin if free else None


def _stands_apart(said: Sequence[str], begin: int, end: int) -> bool:
    """Whether nothing belongs to it, as the rest of "uh-huh" does."""
    if end >= len(said):
        return True
    after = said[end]
    apart = after == " " or after in COMMAS or after in SENTENCE_ENDS
    return apart or bool(SPACELESS.match(said[begin]))


def _signs(said: Sequence[str], at: int) -> int:
    """Where the signs end that belong to what stood before: a comma, or a run of ends of a sentence."""
    if at < len(said) and said[at] in COMMAS:
        return at + 1
    while at < len(said) and said[at] in SENTENCE_ENDS:
        at += 1
    return at


def capital(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return text[0].upper() + text[1:]
