"""Where captions are broken into lines."""

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.text.characters import split_characters, width
from streamstt.text.line_break_data import PHRASE_OPENERS
from streamstt.text.line_breaking import BREAKING_SPACE, break_lines
from streamstt.text.patterns import tokenize
from streamstt.text.profanity import mask_word
from streamstt.text.word_boundaries import word_starts
from tests.support.drawing import PROPERTY
from tests.support.paths import DATA

VECTORS = json.loads((DATA / "lines.json").read_text())
WORDS = (
    "so", "because", "of", "10", "000", "million", "%", "Mr.", "Smith,", "everything.", "(a", "b)", "?", "今日は。",
    "「明日」", "2026年", "สวัสดี", "e\u0301te\u0301", "👏", "Donaudampfschifffahrt", "x", "\u00a0", "!",
)  # fmt: skip
texts = st.lists(st.sampled_from(WORDS), max_size=16).map(" ".join)
limits = st.integers(2, 30)
languages = st.sampled_from(["", *PHRASE_OPENERS])


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["text"][:30])
def test_vectors(case: dict[str, Any]) -> None:
    """Texts and their expected lines; the overlay's JavaScript is tested with the same file."""
    assert break_lines(case["text"], case["limit"], case["language"]) == case["lines"]


@PROPERTY
@given(texts, texts, limits, languages)
def test_a_full_line_stays(text: str, more: str, limit: int, language: str) -> None:
    """When more words follow, all lines but the last stay the same."""
    *full, _ = break_lines(text, limit, language) or [""]
    assert break_lines(f"{text} {more}", limit, language)[: len(full)] == full


@PROPERTY
@given(st.one_of(texts, st.text(max_size=60)), limits, languages)
def test_nothing_is_lost_and_all_fits(text: str, limit: int, language: str) -> None:
    """Lines contain all characters but white space, in order; none is empty or wider than the limit."""
    broken = break_lines(text, limit, language)
    assert "".join(BREAKING_SPACE.sub("", line) for line in broken) == BREAKING_SPACE.sub("", text)
    assert all(line and width(line) <= limit for line in broken)
    assert all(line == " ".join(filter(None, BREAKING_SPACE.split(line))) for line in broken)


@PROPERTY
@given(st.lists(st.sampled_from(["room", "10 000", "5 kg", "Dr. Smith", "and", "so."]), max_size=12), languages)
def test_what_belongs_together(parts: list[str], language: str) -> None:
    """A number and its unit, or a title and its name, are on the same line if it can hold both."""
    text = " ".join(parts)
    broken = "|".join(break_lines(text, 12, language))
    assert all(broken.replace("|", " ").count(pair) == broken.count(pair) for pair in ("10 000", "5 kg", "Dr. Smith"))
    assert broken.replace("|", " ") == text


def test_long_texts() -> None:
    """Ten thousand words, or a word of a hundred thousand letters, do not take long."""
    assert len(break_lines("word " * 10_000, 42)) == 1250
    assert len(break_lines("x" * 100_000, 42)) == 2381


SPACELESS = {
    "ja": "東京都に住んでいる友達が来週の日曜日に遊びに来るので駅まで迎えに行く",
    "zh": "我们明天早上八点在火车站见面然后一起去机场人工智能正在改变世界",
    "yue": "今天天氣很好我們明天去公園",
    "th": "วันนี้อากาศดีมากพรุ่งนี้เราไปสวนสาธารณะกันเถอะ",
}


@PROPERTY
@given(st.sampled_from(sorted(SPACELESS)), st.integers(8, 30), st.data())
def test_a_full_line_stays_without_spaces(language: str, limit: int, data: st.DataObject) -> None:
    """Neither does a full line change when a text without spaces grows by a few characters."""
    text = SPACELESS[language]
    shown = data.draw(st.integers(1, len(text)))
    *full, _ = break_lines(text[:shown], limit, language)
    assert break_lines(text, limit, language)[: len(full)] == full


@pytest.mark.parametrize(("language", "text"), SPACELESS.items())
def test_words_without_spaces(language: str, text: str) -> None:
    """A line ends with a whole word; without a language, between any two characters."""
    starts = word_starts(text, language)
    assert starts is not None
    broken = [break_lines(text, limit, language)[:-1] for limit in range(20, 44)]
    ends = [end for lines in broken for end in accumulate(map(len, lines))]
    assert len(ends) > 5
    assert [end for end in ends if end not in starts] == []
    assert len(break_lines(text, 20, "")[0]) >= len(break_lines(text, 20, language)[0])


def test_a_short_line_rather_than_half_a_word() -> None:
    """A word that fits on a line is not cut, even if the line before it is less than half full."""
    assert break_lines("彼は変更しなければなりません", 24, "ja") == ["彼は", "変更しなければなりません"]
    assert break_lines("変更しなければなりません", 20, "ja") == ["変更しなければなりま", "せん"]


CHARACTERS = ("👨\u200d👩\u200d👧\u200d👦", "👍🏽", "🇯🇵", "❤\ufe0f", "1\ufe0f\u20e3", "e\u0301", "क्षि", "한", "한")


@PROPERTY
@given(st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=12), st.integers(2, 9))
def test_a_family_is_one_character(characters: list[str], limit: int) -> None:
    """What a reader sees as one character is never broken, and is as wide as it is shown."""
    text = "".join(characters)
    assert split_characters(text) == characters
    assert width(text) == sum(map(width, characters)) <= 2 * len(characters)
    broken = break_lines(text, limit)
    assert "".join(broken) == text
    assert [character for line in broken for character in split_characters(line)] == characters
    assert tokenize(f"a {text}!")[-1] == "!"
    assert "".join(tokenize(text)) == text


@pytest.mark.parametrize(
    ("text", "columns"), [("👨\u200d👩\u200d👧\u200d👦", 2), ("🇯🇵🇩🇪", 4), ("❤\ufe0f", 2), ("e\u0301", 1), ("한", 2)]
)
def test_width(text: str, columns: int) -> None:
    """A family of emoji and a flag are as wide as one emoji, a letter with marks as the letter."""
    assert width(text) == columns


def test_tokens_are_whole_characters() -> None:
    """A family of emoji is one token: to replace one person of it would leave another family."""
    assert tokenize("a👨\u200d👩\u200d👧👍🏽") == ["a", "👨\u200d👩\u200d👧", "👍🏽"]
    assert mask_word("é\u0301te\u0301") == "é\u0301**"
