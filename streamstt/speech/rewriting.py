"""Puts the words of captions right: names and terms, swearing, fillers. Pure; the engine's own words stay as heard.

One pass from left to right over the tokens of a caption. At each place the first rule that applies is taken: a
replacement (in their order), a mask, a filler or a phrase without a replacement, which is dropped; what a rule has
written is not looked at again. So what is written up to a place depends on what was said up to there, and on the few
words that could still complete a rule. Those are not settled yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from streamstt.config.words import WordsSettings
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.text.fillers import FILLERS, Edit, capitalize_first, find_removal
from streamstt.text.patterns import NEED_MORE, Phrase, expand_template, parse_phrase, tokenize
from streamstt.text.profanity import mask_word, profanity_pattern


@dataclass(frozen=True, slots=True)
class _Output:
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
            self._by_first.setdefault(wanted.first_token, []).append((order, wanted, meant))

    def find(self, tokens: Sequence[str], at: int, *, complete: bool = False) -> tuple[int, str]:
        """How many tokens a replacement takes there (0: none, ``NEED_MORE``: more could complete one), and what it writes.

        Args:
            tokens: Tokens.
            at: Which of them is the first.
            complete: No more will come.
        """
        rules = self._by_first.get(tokens[at].casefold(), []) + self._by_first.get(None, [])
        for _, wanted, meant in sorted(rules, key=itemgetter(0)):
            count = wanted.match(tokens, at)
            if count == NEED_MORE and not complete:
                return NEED_MORE, ""
            if count and count != NEED_MORE:
                groups = wanted.captured_groups(tokens, at)
                return count, expand_template(meant, groups) if groups else meant
        return 0, ""


class LanguageRules:
    """Those of one language."""

    def __init__(self, settings: WordsSettings, language: str) -> None:
        """Reads the settings.

        Args:
            settings: The ``[words]`` section.
            language: Code; empty when it is not known.
        """
        read = [(parse_phrase(heard), meant.strip()) for heard, meant in settings.replace]
        self._replacements = _Replacements([(wanted, meant) for wanted, meant in read if meant])
        self._removed_phrases = tuple(wanted for wanted, meant in read if not meant)
        self._fillers = FILLERS.get(language, frozenset()) if settings.fillers == "drop" else frozenset()
        self._profanity = profanity_pattern(settings.profanity_words) if settings.profanity == "mask" else None

    @property
    def is_noop(self) -> bool:
        """Whether they change nothing."""
        return not (self._replacements.count or self._removed_phrases or self._fillers or self._profanity)

    def rewrite(self, words: Sequence[RecognizedWord]) -> list[RecognizedWord]:
        """The words as they are shown.

        A phrase that is replaced becomes one word that takes its time, with the least of its probabilities; what is
        dropped takes its time with it.

        Args:
            words: Of one caption, from its beginning.
        """
        if self.is_noop:
            return list(words)
        made: list[RecognizedWord] = []
        last = -1  # the last word that is in ``made``
        for piece in self._outputs(words, settled_only=False):
            parts = words[max(piece.first, last + 1) : piece.last + 1]
            if made and (piece.first <= last or not parts):
                made[-1] = _merge_words(made[-1], piece.text, parts)
            else:
                made.append(_merge_words(None, piece.text, parts))
            last = max(last, piece.last)
        return made

    def settled_text(self, words: Sequence[RecognizedWord]) -> str:
        """How the shown text begins, whatever is said next.

        Args:
            words: Of one caption, from its beginning; others may follow.
        """
        if self.is_noop:
            return join_words(words).rstrip()
        return "".join(piece.text for piece in self._outputs(words, settled_only=True)).strip()

    def _outputs(self, words: Sequence[RecognizedWord], *, settled_only: bool) -> Iterator[_Output]:
        """What is written; if only what is settled is wanted, up to where more words could change it."""
        owned = [(token, n) for n, word in enumerate(words) for token in tokenize(word.text)]
        said = [token for token, _ in owned]
        written, raised, before, at = "", False, 0, 0  # raised: the next word takes the capital letter of a filler
        while at < len(said):
            step = self._next_edit(said, at, written, growing=settled_only)
            if step is None:
                return
            first, last = owned[at][1], owned[at + step.consumed - 1][1]
            text = step.text
            if step.removed:  # a sign that stays belongs to the word before
                first = last = before
                raised = step.capitalize_next or raised
            elif text.strip():
                text, raised = capitalize_first(text) if raised else text, False
            at += step.consumed
            written += text
            if text:
                before = last
                yield _Output(text, first, last)

    def _next_edit(self, tokens: Sequence[str], at: int, written: str, *, growing: bool) -> Edit | None:
        """What is done with the next tokens; None: that depends on what is said next."""
        if self._fillers or self._removed_phrases:
            found = find_removal(tokens, at, written, self._match_removal, growing=growing)
            if found is None or found.consumed:
                return found
        count, text = self._replacements.find(tokens, at)
        if count == NEED_MORE:
            if growing:
                return None
            count, text = self._replacements.find(tokens, at, complete=True)
        if count:
            return Edit(count, text)
        token = tokens[at]
        return Edit(1, mask_word(token) if self._profanity and self._profanity.fullmatch(token) else token)

    def _match_removal(self, tokens: Sequence[str], at: int, *, growing: bool) -> int:
        """How many tokens are to be dropped there, without signs around them; MORE as above."""
        count, _ = self._replacements.find(tokens, at, complete=not growing)
        if count:
            return NEED_MORE if count == NEED_MORE else 0
        if tokens[at].casefold() in self._fillers and (len(tokens[at]) == 1 or not tokens[at].isupper()):
            return 1
        return _first_match(self._removed_phrases, tokens, at, growing=growing)


def _first_match(phrases: Sequence[Phrase], tokens: Sequence[str], at: int, *, growing: bool) -> int:
    for wanted in phrases:
        count = wanted.match(tokens, at)
        if count and (growing or count != NEED_MORE):
            return count
    return 0


def _merge_words(before: RecognizedWord | None, text: str, parts: Sequence[RecognizedWord]) -> RecognizedWord:
    """A word that says ``text`` in the time of ``parts``, or the one before with that behind it."""
    every = [before, *parts] if before else parts
    return RecognizedWord(
        (before.text if before else "") + text,
        every[0].start,
        max(word.end for word in every),
        min(word.probability for word in every),
        tuple(token for word in every for token in word.tokens),
    )


class WordRewriter:
    """The rules in force, for all sources."""

    def __init__(self, settings: WordsSettings | None = None) -> None:
        """Takes the ``[words]`` section; without it, nothing is changed."""
        self.update_settings(settings or WordsSettings())

    def update_settings(self, settings: WordsSettings) -> None:
        """Takes other settings: each source uses them from its next caption on."""
        self._settings = settings
        self._rules: dict[str, LanguageRules] = {}  # by language, of which there are few

    def rules(self, language: str) -> LanguageRules:
        """The rules of a language."""
        known = language if language in FILLERS else ""
        if known not in self._rules:
            self._rules[known] = LanguageRules(self._settings, known)
        return self._rules[known]
