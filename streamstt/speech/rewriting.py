"""Rewrites the words of captions: names and terms, profanity, fillers. Pure; the engine's own words stay unchanged.

One pass from left to right over the tokens of a caption. At each position the first rule that applies is taken: a
replacement (in the order of the settings), a mask, or the removal of a filler or of a phrase without a replacement.
What a rule has written is not rewritten again. So the text up to a position depends on the words up to there, and on
the few words that could still complete a rule; text that waits for those is not settled yet.
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
    """Text that is written.

    Attributes:
        text: The text.
        first: Index of the first word that it stands for.
        last: Index of the last.
    """

    text: str
    first: int
    last: int


class _Replacements:
    """The replacements in their order, indexed by their first word, because there may be many."""

    def __init__(self, pairs: Sequence[tuple[Phrase, str]]) -> None:
        self.count = len(pairs)
        self._by_first: dict[str | None, list[tuple[int, Phrase, str]]] = {}
        for order, (phrase, replacement) in enumerate(pairs):
            self._by_first.setdefault(phrase.first_token, []).append((order, phrase, replacement))

    def find(self, tokens: Sequence[str], at: int, *, complete: bool = False) -> tuple[int, str]:
        """Finds the first replacement that applies at a token.

        Args:
            tokens: The tokens of a caption.
            at: Index of the first token to replace.
            complete: Whether no more tokens will follow.

        Returns:
            The number of tokens that are replaced, and the text that replaces them. 0: no replacement applies;
            ``NEED_MORE``: more tokens could complete one.
        """
        rules = self._by_first.get(tokens[at].casefold(), []) + self._by_first.get(None, [])
        for _, phrase, replacement in sorted(rules, key=itemgetter(0)):
            count = phrase.match(tokens, at)
            if count == NEED_MORE and not complete:
                return NEED_MORE, ""
            if count and count != NEED_MORE:
                groups = phrase.captured_groups(tokens, at)
                return count, expand_template(replacement, groups) if groups else replacement
        return 0, ""


class LanguageRules:
    """The rules for one language; a caption is rewritten by the rules of its language.

    They must not know sources or revisions.
    """

    def __init__(self, settings: WordsSettings, language: str) -> None:
        """Parses the settings.

        Args:
            settings: Settings of the ``[words]`` section.
            language: Language code; empty: unknown, so that no fillers are removed.
        """
        rules = [(parse_phrase(phrase), replacement.strip()) for phrase, replacement in settings.replace]
        self._replacements = _Replacements([(phrase, replacement) for phrase, replacement in rules if replacement])
        self._removed_phrases = tuple(phrase for phrase, replacement in rules if not replacement)
        self._fillers = FILLERS.get(language, frozenset()) if settings.fillers == "drop" else frozenset()
        self._profanity = profanity_pattern(settings.profanity_words) if settings.profanity == "mask" else None

    @property
    def is_noop(self) -> bool:
        """Whether the rules change nothing."""
        return not (self._replacements.count or self._removed_phrases or self._fillers or self._profanity)

    def rewrite(self, words: Sequence[RecognizedWord]) -> list[RecognizedWord]:
        """Returns the words as they are shown.

        A phrase that is replaced becomes one word, which has the phrase's time and the lowest of its probabilities. The
        time of removed words belongs to no word.

        Args:
            words: The words of one caption, from its beginning.
        """
        if self.is_noop:
            return list(words)
        shown: list[RecognizedWord] = []
        last = -1  # index of the last word that is in ``shown``
        for output in self._outputs(words, settled_only=False):
            parts = words[max(output.first, last + 1) : output.last + 1]
            if shown and (output.first <= last or not parts):
                shown[-1] = _merge_words(shown[-1], output.text, parts)
            else:
                shown.append(_merge_words(None, output.text, parts))
            last = max(last, output.last)
        return shown

    def settled_text(self, words: Sequence[RecognizedWord]) -> str:
        """Returns the beginning of the shown text that no further word can change.

        Args:
            words: The words of one caption, from its beginning; others may follow.
        """
        if self.is_noop:
            return join_words(words).rstrip()
        return "".join(output.text for output in self._outputs(words, settled_only=True)).strip()

    def _outputs(self, words: Sequence[RecognizedWord], *, settled_only: bool) -> Iterator[_Output]:
        """Yields what is written, in order.

        Args:
            words: The words of one caption, from its beginning.
            settled_only: Whether to stop where further words could change what is written.
        """
        indexed = [(token, n) for n, word in enumerate(words) for token in tokenize(word.text)]
        tokens = [token for token, _ in indexed]
        written = ""
        capitalize = False  # the next word takes over the capital letter of a filler that was removed
        previous_word = at = 0
        while at < len(tokens):
            edit = self._next_edit(tokens, at, written, growing=settled_only)
            if edit is None:
                return
            first, last = indexed[at][1], indexed[at + edit.consumed - 1][1]
            text = edit.text
            if edit.removed:  # punctuation that stays belongs to the word before
                first = last = previous_word
                capitalize = edit.capitalize_next or capitalize
            elif text.strip():
                text, capitalize = capitalize_first(text) if capitalize else text, False
            at += edit.consumed
            written += text
            if text:
                previous_word = last
                yield _Output(text, first, last)

    def _next_edit(self, tokens: Sequence[str], at: int, written: str, *, growing: bool) -> Edit | None:
        """Returns what becomes of the next tokens; None: that depends on tokens that are still to come."""
        if self._fillers or self._removed_phrases:
            removal = find_removal(tokens, at, written, self._match_removal, growing=growing)
            if removal is None or removal.consumed:
                return removal
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
        """Returns how many tokens to remove, without punctuation around them; ``NEED_MORE`` as in ``find``."""
        count, _ = self._replacements.find(tokens, at, complete=not growing)
        if count:
            return NEED_MORE if count == NEED_MORE else 0
        if tokens[at].casefold() in self._fillers and (len(tokens[at]) == 1 or not tokens[at].isupper()):
            return 1
        return _first_match(self._removed_phrases, tokens, at, growing=growing)


def _first_match(phrases: Sequence[Phrase], tokens: Sequence[str], at: int, *, growing: bool) -> int:
    for phrase in phrases:
        count = phrase.match(tokens, at)
        if count and (growing or count != NEED_MORE):
            return count
    return 0


def _merge_words(previous: RecognizedWord | None, text: str, parts: Sequence[RecognizedWord]) -> RecognizedWord:
    """Makes one word of ``text`` with the time of ``parts``, appended to the previous word if there is one."""
    words = [previous, *parts] if previous else parts
    return RecognizedWord(
        (previous.text if previous else "") + text,
        words[0].start,
        max(word.end for word in words),
        min(word.probability for word in words),
        tuple(token for word in words for token in word.tokens),
    )


class WordRewriter:
    """Keeps the rules of each language that are in force, for all sources."""

    def __init__(self, settings: WordsSettings | None = None) -> None:
        """Starts with rules from the ``[words]`` section.

        Args:
            settings: Settings of the section; None: the defaults, which change nothing.
        """
        self.update_settings(settings or WordsSettings())

    def update_settings(self, settings: WordsSettings) -> None:
        """Replaces the settings; each source uses them from its next caption on."""
        self._settings = settings
        self._rules: dict[str, LanguageRules] = {}  # by language, of which there are few

    def rules(self, language: str) -> LanguageRules:
        """Returns the rules for a language code; languages without a list of fillers share one set."""
        key = language if language in FILLERS else ""
        if key not in self._rules:
            self._rules[key] = LanguageRules(self._settings, key)
        return self._rules[key]
