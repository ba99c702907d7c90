"""Writes the captions of one source: assigns ids and revisions, keeps ``stable`` true, ends each caption once."""

from collections.abc import Sequence
from dataclasses import replace

from streamstt.audio.format import seconds_from_samples
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.events import Final, Partial, Word
from streamstt.speech.passages import PassageCollector
from streamstt.speech.rewriting import LanguageRules, WordRewriter
from streamstt.speech.word_fragments import join_fragments
from streamstt.text.characters import CLAUSE_ENDS
from streamstt.text.sentences import FULL_STOP

LEADING_PUNCTUATION = "".join(CLAUSE_ENDS)


class CaptionWriter:
    """Makes partials and finals of words, after rewriting them.

    One caption at a time is open: ``partial`` opens or revises it, ``final`` ends it. It must not know where words come
    from, nor which of them to commit.
    """

    def __init__(
        self,
        source: str,
        id_prefix: str = "",
        rewriter: WordRewriter | None = None,
        passages: PassageCollector | None = None,
    ) -> None:
        """Starts with no open caption.

        Args:
            source: Name of the source.
            id_prefix: Beginning of caption ids; empty: the name of the source.
            rewriter: Rewrites names, profanity and fillers; None: words are written as recognized.
            passages: Collects the finals to be heard again; None: they are not.
        """
        self._rewriter = rewriter or WordRewriter()
        self._rules = self._rewriter.rules("")
        self._source = source
        self._id_prefix = id_prefix or source
        self._passages = passages
        self._count = 0
        self._rev = 0
        self._stable = ""
        self._text = ""

    @property
    def is_open(self) -> bool:
        """Whether there is a partial without its final."""
        return self._rev > 0

    def partial(
        self,
        committed: Sequence[RecognizedWord],
        tentative: Sequence[RecognizedWord],
        decoded_until: int,
        language: str,
    ) -> Partial | None:
        """Returns the next revision of the open caption; None if nothing has changed.

        Args:
            committed: Words that will not change.
            tentative: Words that follow, and may still change.
            decoded_until: Sample index up to which audio was decoded.
            language: Language code.

        Raises:
            RuntimeError: The text does not begin with what was stable before.
        """
        rules = self._current_rules(language)
        tentative = tentative if committed else _without_leading_punctuation(tentative)
        committed = _without_leading_punctuation(committed)
        words = rules.rewrite([*committed, *tentative])
        stable, text = rules.settled_text(committed), join_words(words).rstrip()
        if (text, stable) == (self._text, self._stable) or not (text or self.is_open):
            return None
        self._check_stable(stable)
        self._advance_revision()
        self._stable, self._text = stable, text
        start = words[0].start if words else decoded_until
        return Partial(
            self._source,
            self._id,
            self._rev,
            seconds_from_samples(start),
            seconds_from_samples(decoded_until),
            text,
            len(stable),
            language,
        )

    def final(self, words: Sequence[RecognizedWord], decoded_until: int, language: str) -> Final | None:
        """Returns the final that ends the open caption, or a caption of its own if none is open.

        Without words, an open caption ends empty, which withdraws its partials.

        Args:
            words: All words of the caption.
            decoded_until: Sample index up to which audio was decoded; the time of an empty final.
            language: Language code.

        Returns:
            The final; None if there are no words and no caption is open.

        Raises:
            RuntimeError: The text does not begin with what was stable before.
        """
        recognized = _without_leading_punctuation(words)
        words = self._current_rules(language).rewrite(recognized)
        text = join_words(words).rstrip()
        if not (text or self.is_open):
            return None
        self._check_stable(text)
        self._advance_revision()
        start, end = (words[0].start, words[-1].end) if words else (decoded_until, decoded_until)
        final = Final(
            self._source,
            self._id,
            self._rev,
            seconds_from_samples(start),
            seconds_from_samples(end),
            text,
            _make_words(words),
            language,
        )
        if self._passages and text:
            self._passages.add(final.id, recognized, language)
        self._rev, self._stable, self._text = 0, "", ""
        return final

    def rewrite(self, words: Sequence[RecognizedWord], language: str) -> tuple[str, tuple[Word, ...]]:
        """Returns text and words of a final whose words have been recognized better.

        Args:
            words: All words of the caption.
            language: Language code.
        """
        rewritten = self._rewriter.rules(language).rewrite(_without_leading_punctuation(words))
        return join_words(rewritten).rstrip(), _make_words(rewritten)

    def _current_rules(self, language: str) -> LanguageRules:
        """Returns the rules in force; a caption that has stable text keeps those it had."""
        if not self._stable:
            self._rules = self._rewriter.rules(language)
        return self._rules

    def _advance_revision(self) -> None:
        if not self.is_open:
            self._count += 1
        self._rev += 1

    @property
    def _id(self) -> str:
        return f"{self._id_prefix}-{self._count}"

    def _check_stable(self, text: str) -> None:
        if not text.startswith(self._stable):
            raise RuntimeError(f"caption {self._id} would change its {len(self._stable)} stable characters")


def _without_leading_punctuation(words: Sequence[RecognizedWord]) -> Sequence[RecognizedWord]:
    """Returns the words without a comma or the like at their beginning, which belongs to a caption that has ended."""
    for n, word in enumerate(words):
        text = word.text.lstrip()
        # A full stop before a letter is part of the word: ".com".
        rest = text if text[1:2].isalnum() and text[0] == FULL_STOP else text.lstrip(LEADING_PUNCTUATION).lstrip()
        if rest:
            space = word.text[: len(word.text) - len(text)]
            return words if not n and rest == text else (replace(word, text=space + rest), *words[n + 1 :])
    return ()


def _make_words(words: Sequence[RecognizedWord]) -> tuple[Word, ...]:
    return tuple(_make_word(w) for w in join_fragments(words) if w.text.strip())


def _make_word(word: RecognizedWord) -> Word:
    return Word(
        word.text.strip(), seconds_from_samples(word.start), seconds_from_samples(word.end), round(word.probability, 3)
    )
