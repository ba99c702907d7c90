"""Where captions are broken into lines."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.text.line_break_data import PHRASE_OPENERS
from streamstt.text.line_breaking import BREAKING_SPACE, balance_lines, break_lines, width
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


@pytest.mark.parametrize(
    ("text", "two"),
    [
        ("The window is open because this room is very warm", ["The window is open", "because this room is very warm"]),
        ("It is warm today, so please leave the window open", ["It is warm today,", "so please leave the window open"]),
        ("She lives on a hill with Mr. Smith", ["She lives on a hill", "with Mr. Smith"]),
        ("Yes, please leave the window open", ["Yes, please leave", "the window open"]),
        ("a" * 40, ["a" * 32, "a" * 8]),
        ("one word more than twice thirty letters is no pair, as it is longer", None),
    ],
)
def test_two_lines_of_a_whole_text(text: str, two: list[str] | None) -> None:
    """A complete text is balanced in two lines, at a phrase if both lines fit; what belongs together is not split."""
    assert balance_lines(text, 32, "en") == two
