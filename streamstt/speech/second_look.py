"""Hears a passage again, whole, and takes over the words that are more probable than those of the live captions.

Neither of the two is better throughout: the second look has more around each word, but it skips a word or a sentence
now and then. Words that both have are right in most cases; where they differ, the more probable ones are (a vote by
confidence, as in Fiscus 1997, "A post-processing system to yield reduced word error rates").
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.speech.closed_decode import ClosedDecode
from streamstt.speech.passages import HeardFinal, LivePassage
from streamstt.speech.reliability import SpeechFrames
from streamstt.speech.word_fragments import join_fragments

NO_WORD = 0.45  # probability that there is no word where only one of the two has any
MAX_DROPPED = 3  # words in a row that the second look may drop; if it has none for more, it has skipped them


class SecondLook:
    """Hears one passage again: the caller has each ``job`` decoded and passes the hypothesis to ``apply``."""

    def __init__(self, passage: LivePassage, job: Job, speech_frames: SpeechFrames, settings: SpeechSettings) -> None:
        """Starts with all of the passage to be decoded.

        Args:
            passage: The passage.
            job: Hears it again.
            speech_frames: The frames with speech in it.
            settings: Settings of the ``[speech]`` section.
        """
        self._finals: Sequence[HeardFinal] = passage.finals
        self._decode = ClosedDecode(job, speech_frames, settings)
        self._is_first = True

    @property
    def job(self) -> Job | None:
        """The next job; None when the passage has been heard."""
        return self._decode.job

    def apply(self, hypothesis: Hypothesis) -> None:
        """Applies the hypothesis for ``job``."""
        if self._is_first:
            self._finals = heard_twice(self._finals, hypothesis.draft_probabilities)
        self._is_first = False
        self._decode.apply(hypothesis)

    @property
    def corrections(self) -> list[HeardFinal]:
        """The finals that have better words now."""
        return correct(self._finals, self._decode.words)


def heard_twice(finals: Sequence[HeardFinal], probabilities: Sequence[float]) -> list[HeardFinal]:
    """Returns finals whose words have the mean of two probabilities: that of the live captions, and a second one.

    Args:
        finals: The finals of a passage, in order.
        probabilities: For each of their words, in order, how probable it is among those around it; may end earlier.
    """
    second = iter(probabilities)

    def judge(word: RecognizedWord) -> RecognizedWord:
        return replace(word, probability=(word.probability + next(second, word.probability)) / 2)

    return [replace(final, words=tuple(map(judge, final.words))) for final in finals]


@dataclass(frozen=True, slots=True)
class _Region:
    """A stretch of a passage: words of the live captions, and what was heard again in their place.

    Attributes:
        first: Index of the first live word.
        live: The live words.
        heard_again: The words that were heard again.
        same: Whether they are the same words.
    """

    first: int
    live: Sequence[RecognizedWord]
    heard_again: Sequence[RecognizedWord]
    same: bool

    @property
    def after(self) -> int:
        """Index of the first live word after it."""
        return self.first + len(self.live)

    @property
    def is_better(self) -> bool:
        """Whether the words that were heard again are more probable."""
        if self.same or (not self.heard_again and len(self.live) > MAX_DROPPED):
            return False
        if "".join(map(_key, self.live)) == "".join(map(_key, self.heard_again)):
            return False  # "wash water" or "washwater"
        n_slots = max(len(self.live), len(self.heard_again))
        return _expected_right(self.heard_again, n_slots) > _expected_right(self.live, n_slots)


def correct(finals: Sequence[HeardFinal], heard_again: Sequence[RecognizedWord]) -> list[HeardFinal]:
    """Combines the words of the live captions with those that were heard again.

    Each final keeps its borders: words lie within its times. A final keeps at least one word.

    Args:
        finals: The finals of a passage, in order.
        heard_again: All words of the passage, heard again.

    Returns:
        The finals that have other words now.
    """
    live = [(word, index) for index, final in enumerate(finals) for word in join_fragments(final.words)]
    owners = [index for _, index in live]
    words_of: list[list[RecognizedWord]] = [[] for _ in finals]
    changed: set[int] = set()
    for region in _regions([word for word, _ in live], join_fragments(heard_again)):
        own = owners[region.first : region.after]
        parts = _distribute(region.heard_again, finals, owners, region) if region.is_better else None
        if parts is not None:
            changed.update(own, parts)
        elif region.same:  # in a final that changes, case and punctuation are those of the words around
            parts = _by_owner(
                (
                    replace(new, start=w.start, end=w.end)
                    for w, new in zip(region.live, region.heard_again, strict=True)
                ),
                own,
            )
        else:
            parts = _by_owner(region.live, own)
        for index, words in parts.items():
            words_of[index] += words
    return [
        HeardFinal(final.id, _within(words, final), final.language)
        for index, (final, words) in enumerate(zip(finals, words_of, strict=True))
        if index in changed
    ]


def _regions(live: Sequence[RecognizedWord], again: Sequence[RecognizedWord]) -> Iterator[_Region]:
    """Divides the words into stretches that are the same and stretches that differ."""
    matcher = SequenceMatcher(None, [_key(w) for w in live], [_key(w) for w in again], autojunk=False)
    for kind, first, after, again_first, again_after in matcher.get_opcodes():
        yield _Region(first, live[first:after], again[again_first:again_after], kind == "equal")


def _key(word: RecognizedWord) -> str:
    """Returns what is compared of a word: neither its case nor its punctuation."""
    return "".join(c for c in word.text.casefold() if c.isalnum() or c == "'") or word.text.strip()


def _expected_right(words: Sequence[RecognizedWord], n_slots: int) -> float:
    """Returns how many of ``n_slots`` words are right by their probabilities; those that are missing may be right."""
    return sum(word.probability for word in words) + NO_WORD * (n_slots - len(words))


def _by_owner(words: Iterable[RecognizedWord], owners: Sequence[int]) -> dict[int, list[RecognizedWord]]:
    """Groups words by the indexes of the finals that they belong to."""
    parts: dict[int, list[RecognizedWord]] = {}
    for word, owner in zip(words, owners, strict=True):
        parts.setdefault(owner, []).append(word)
    return parts


def _distribute(
    words: Sequence[RecognizedWord], finals: Sequence[HeardFinal], owners: Sequence[int], region: _Region
) -> dict[int, list[RecognizedWord]] | None:
    """Divides the words of a region among its finals by time; returns None if a final would have no words then.

    Args:
        words: The words.
        finals: The finals of the passage.
        owners: For each live word of the passage, the index of its final.
        region: Says which live words they replace.
    """
    first = region.first if region.live else max(region.first - 1, 0)
    last = region.after - 1 if region.live else min(region.first, len(owners) - 1)
    choices = range(owners[first], owners[last] + 1)
    chosen: list[int] = []
    for word in words:
        middle = (word.start + word.end) // 2
        # Words stay in order: none belongs to an earlier final than the word before it.
        later = range(chosen[-1] if chosen else choices.start, choices.stop)
        chosen.append(min(later, key=lambda index: _distance(finals[index], middle)))
    kept = {*owners[: region.first], *owners[region.after :], *chosen}
    return _by_owner(words, chosen) if kept.issuperset(choices) else None


def _distance(final: HeardFinal, at: int) -> int:
    """Returns how many samples lie between a final and a sample index; 0 within the final."""
    return max(final.start - at, at - final.end, 0)


def _within(words: Sequence[RecognizedWord], final: HeardFinal) -> tuple[RecognizedWord, ...]:
    """Returns words with times that follow one another and lie within a final."""
    placed: list[RecognizedWord] = []
    start = final.start
    for word in words:
        start = min(max(word.start, start), final.end)
        placed.append(replace(word, start=start, end=min(max(word.end, start), final.end)))
        start = placed[-1].end
    return tuple(placed)
