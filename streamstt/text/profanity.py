"""Words that are masked when ``words.profanity`` is "mask". Deliberately few: only those that mean nothing else.

Whoever wants more adds them (``words.profanity_words``); whole words are compared, so Scunthorpe and Dickens stay.
"""

import re
from collections.abc import Sequence

STEMS: dict[str, tuple[str, str]] = {
    "en": (
        "fuck motherfuck clusterfuck shit bullshit horseshit bitch cunt asshole arsehole dickhead twat wank whore slut "
        "nigger nigga faggot tranny kike",
        "s|z|es|ed|er|ers|in|ing|ings|y|ier|iest|ies|wit|wits|head|heads|face|faces|hole|holes|able|up",
    ),
    "de": ("scheiß scheiss arschloch arschlöcher fotze hurensohn hurensöhne wichser fick schlampe", "e|en|er|es|n|s|t"),
    "fr": ("putain merde connard connasse salope salaud encul pute", "s|e|es|er|é|és|ée|ées"),
    "es": ("puta puto mierda joder gilipollas cabrón cabron coño pendejo hijoputa", "s|a|as|o|os|es"),
}
"""By language: stems, and what may stand behind them, with the last letter once more ("shitty") or not."""


def profanity_pattern(extra_words: Sequence[str] = ()) -> re.Pattern[str]:
    """Matches a whole word that is to be masked, in any of the languages, for people mix them.

    Args:
        extra_words: Words of the user; a star at the end stands for any ending.
    """
    built_in = [
        rf"{re.escape(stem)}(?:{re.escape(stem[-1])}?(?:{endings}))?"
        for stems, endings in STEMS.values()
        for stem in stems.split()
    ]
    own = [re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "") for word in extra_words]
    return re.compile("|".join([*own, *built_in]), re.IGNORECASE)


def mask_word(word: str) -> str:
    """The word with a star for each letter but the first."""
    return word[0] + "*" * (len(word) - 1)
