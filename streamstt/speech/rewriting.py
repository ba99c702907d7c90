"""Puts the words of captions right: names and terms, swearing, fillers. Pure; the engine's own words stay as heard.

One pass from left to right over the tokens of a caption. At each place the first rule that applies is taken: a
replacement (in their order), a mask, a filler or a phrase without a replacement, which is dropped; what a rule has
written is not looked at again. So what is written up to a place depends on what was said up to there, and on the few
words that could still complete a rule. Those are not settled yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from streamstt.config.words import Words
from streamstt.engine.base import HeardWord, text_of
from streamstt.text.fillers import FILLERS, Drop, capital, drop
from streamstt.text.patterns import MORE, Phrase, fill, phrase, tokens
from streamstt.text.profanity import masked, swear_words


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that is written, and of which words: the first and the last."""

    text: str
    first: int
    last: int


class _Replacements:
    """In their order, found by their first word, for there may be many."""

    def __init__(self, pairs: Sequence[tuple[Phrase, str]]) -> None:
        self.count = len(pairs)
        self._by_first: dict[str | None, list[tuple[int, Phrase, str]]] = {}
        for order, (wanted, meant) in enumerate(pairs):
            self._by_first.setdefault(wanted.first, []).append((order, wanted, meant))

    def find(self, said: Sequence[str], at: int, *, whole: bool = False) -> tuple[int, str]:
        """How many tokens a replacement takes there (0: none, ``MORE``: more could complete one), and what it writes.

        Args:
            said: Tokens.
            at: Which of them is the first.
            whole: No more will come.
        """
        rules = self._by_first.get(said[at].casefold(), []) + self._by_first.get(None, [])
        for _, wanted, meant in sorted(rules, key=itemgetter(0)):
            count = wanted.match(said, at)
            if count == MORE and not whole:
                return MORE, ""
            if count and count != MORE:
                groups = wanted.groups(said, at)
                return count, fill(meant, groups) if groups else meant
        return 0, ""


class Rules:
    """Those of one language."""

    def __init__(self, settings: Words, language: str) -> None:
        """Reads the settings.

        Args:
            settings: The ``[words]`` section.
            language: Code; empty when it is not known.
        """
        read = [(phrase(heard), meant.strip()) for heard, meant in settings.replace]
        self._replace = _Replacements([(wanted, meant) for wanted, meant in read if meant])
        self._drop = tuple(wanted for wanted, meant in read if not meant)
        self._fillers = FILLERS.get(language, frozenset()) if settings.fillers == "drop" else frozenset()
        self._swear = swear_words(settings.profanity_words) if settings.profanity == "mask" else None

    @property
    def idle(self) -> bool:
        """Whether they change nothing."""
        return not (self._replace.count or self._drop or self._fillers or self._swear)

    def rewrite(self, words: Sequence[HeardWord]) -> list[HeardWord]:
        """The words as they are shown.

        A phrase that is replaced becomes one word that takes its time, with the least of its probabilities; what is
        dropped takes its time with it.

        Args:
            words: Of one caption, from its beginning.
        """
        if self.idle:
            return list(words)
        made: list[HeardWord] = []
        last = -1  # the last word that is in ``made``
        for piece in self._pieces(words, settled=False):
            parts = words[max(piece.first, last + 1) : piece.last + 1]
            if made and (piece.first <= last or not parts):
                made[-1] = _joined(made[-1], piece.text, parts)
            else:
                made.append(_joined(None, piece.text, parts))
            last = max(last, piece.last)
        return made

    def settled(self, words: Sequence[HeardWord]) -> str:
        """How the shown text begins, whatever is said next.

        Args:
            words: Of one caption, from its beginning; others may follow.
        """
        if self.idle:
            return text_of(words).rstrip()
        return "".join(piece.text for piece in self._pieces(words, settled=True)).strip()

    def _pieces(self, words: Sequence[HeardWord], *, settled: bool) -> Iterator[_Piece]:
        """What is written; if only what is settled is wanted, up to where more words could change it."""
        owned = [(token, n) for n, word in enumerate(words) for token in tokens(word.text)]
        said = [token for token, _ in owned]
        written, raised, before, at = "", False, 0, 0  # raised: the next word takes the capital letter of a filler
        while at < len(said):
            step = self._step(said, at, written, growing=settled)
            if step is None:
                return
            first, last = owned[at][1], owned[at + step.taken - 1][1]
            text = step.text
            if step.dropped:  # a sign that stays belongs to the word before
                first = last = before
                raised = step.raised or raised
            elif text.strip():
                text, raised = capital(text) if raised else text, False
            at += step.taken
            written += text
            if text:
                before = last
                yield _Piece(text, first, last)

    def _step(self, said: Sequence[str], at: int, written: str, *, growing: bool) -> Drop | None:
        """What is done with the next tokens; None: that depends on what is said next."""
        if self._fillers or self._drop:
            found = drop(said, at, written, self._dropped, growing=growing)
            if found is None or found.taken:
                return found
        count, text = self._replace.find(said, at)
        if count == MORE:
            if growing:
                return None
            count, text = self._replace.find(said, at, whole=True)
        if count:
            return Drop(count, text)
        token = said[at]
        return Drop(1, masked(token) if self._swear and self._swear.fullmatch(token) else token)

    def _dropped(self, said: Sequence[str], at: int, *, growing: bool) -> int:
        """How many tokens are to be dropped there, without signs around them; MORE as above."""
        count, _ = self._replace.find(said, at, whole=not growing)
        if count:
            return MORE if count == MORE else 0
        if said[at].casefold() in self._fillers and (len(said[at]) == 1 or not said[at].isupper()):
            return 1
        return _first(self._drop, said, at, growing=growing)


def _first(phrases: Sequence[Phrase], said: Sequence[str], at: int, *, growing: bool) -> int:
    for wanted in phrases:
        count = wanted.match(said, at)
        if count and (growing or count != MORE):
            return count
    return 0


def _joined(before: HeardWord | None, text: str, parts: Sequence[HeardWord]) -> HeardWord:
    """A word that says ``text`` in the time of ``parts``, or the one before with that behind it."""
    every = [before, *parts] if before else parts
    return HeardWord(
        (before.text if before else "") + text,
        every[0].start,
        max(word.end for word in every),
        min(word.probability for word in every),
        tuple(token for word in every for token in word.tokens),
    )


class Rewriting:
    """The rules in force, for all sources."""

    def __init__(self, settings: Words | None = None) -> None:
        """Takes the ``[words]`` section; without it, nothing is changed."""
        self.take(settings or Words())

    def take(self, settings: Words) -> None:
        """Takes other settings: each source uses them from its next caption on."""
        self._settings = settings
        self._rules: dict[str, Rules] = {}  # by language, of which there are few

    def rules(self, language: str) -> Rules:
        """The rules of a language."""
        known = language if language in FILLERS else ""
        if known not in self._rules:
            self._rules[known] = Rules(self._settings, known)
        return self._rules[known]
