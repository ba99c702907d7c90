"""Writes the captions of one source: gives ids and revisions, keeps ``stable`` true, ends each caption once."""

from collections.abc import Sequence
from dataclasses import replace

from streamstt.audio.format import seconds_from_samples
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.events import Final, Partial, Word
from streamstt.speech.rewriting import LanguageRules, WordRewriter


class CaptionWriter:
    """One caption at a time is open; ``partial`` opens it, ``final`` ends it. Both say the words as rewritten."""

    def __init__(self, source: str, id_prefix: str = "", rewriter: WordRewriter | None = None) -> None:
        """Starts with no caption.

        Args:
            source: Name of the source.
            id_prefix: Caption ids begin with it; empty: with the source's name.
            rewriter: Puts words right; None: they are written as heard.
        """
        self._rewriter = rewriter or WordRewriter()
        self._rules = self._rewriter.rules("")
        self._source = source
        self._id_prefix = id_prefix or source
        self._count = 0
        self._rev = 0
        self._stable = ""
        self._text = ""

    @property
    def is_open(self) -> bool:
        """Whether a partial awaits its final."""
        return self._rev > 0

    def partial(
        self,
        committed: Sequence[RecognizedWord],
        tentative: Sequence[RecognizedWord],
        decoded_until: int,
        language: str,
    ) -> Partial | None:
        """The open caption's next revision; None when it would say nothing new.

        Args:
            committed: Words that will not change.
            tentative: Words that may.
            decoded_until: Sample index up to which the audio was heard.
            language: Language code.
        """
        rules = self._current_rules(language)
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
        """Ends the open caption, or writes one at once; None when there is nothing to say and nothing to take back."""
        words = self._current_rules(language).rewrite(words)
        text = join_words(words).rstrip()
        if not (text or self.is_open):
            return None
        self._check_stable(text)
        self._advance_revision()
        start, end = (words[0].start, words[-1].end) if words else (decoded_until, decoded_until)
        spoken = tuple(_make_word(w) for w in _join_fragments(words) if w.text.strip())
        final = Final(
            self._source,
            self._id,
            self._rev,
            seconds_from_samples(start),
            seconds_from_samples(end),
            text,
            spoken,
            language,
        )
        self._rev, self._stable, self._text = 0, "", ""
        return final

    def _current_rules(self, language: str) -> LanguageRules:
        """The rules in force; a caption that has promised something keeps those it had."""
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
            raise RuntimeError(f"caption {self._id} promised {len(self._stable)} characters and broke them")


def _join_fragments(words: Sequence[RecognizedWord]) -> list[RecognizedWord]:
    """The words, each with what came later and belongs to it: a full stop, or the rest of "ill-disposed"."""
    spaced = any(w.text.startswith(" ") for w in words)
    joined: list[RecognizedWord] = []
    for word in words:
        own = word.text.startswith(" ") if spaced else any(c.isalnum() for c in word.text)
        if joined and not own:
            joined[-1] = replace(joined[-1], text=joined[-1].text + word.text, end=max(joined[-1].end, word.end))
        else:
            joined.append(word)
    return joined


def _make_word(word: RecognizedWord) -> Word:
    return Word(
        word.text.strip(), seconds_from_samples(word.start), seconds_from_samples(word.end), round(word.probability, 3)
    )
