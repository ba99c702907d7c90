"""Names of transcript sets, when one ends, and which ones are deleted."""

import re
from datetime import date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamstt.transcripts.naming import (
    NAME_PATTERN,
    RECORD_SUFFIX,
    Split,
    StoredSet,
    expired,
    make_set_name,
    make_slug,
    stays_open,
)
from tests.support.drawing import PROPERTY

NOON = datetime(2026, 11, 25, 12, 30, 59)


def is_free(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Weekly", "weekly"),
        ("Q3: plans & budget", "q3-plans-budget"),
        ("Größe 2", "größe-2"),
        ("週例会", "週例会"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("a\0b\nc", "a-b-c"),
        ("--", ""),
        ("", ""),
    ],
)
def test_slug(title: str, expected: str) -> None:
    """A title becomes part of a file name: readable in any script, without characters that matter in a path."""
    assert make_slug(title) == expected


@PROPERTY
@given(st.text(max_size=300))
@example("İ" * 300)
@example("\U0001d49c" * 300)
def test_any_title_is_a_safe_name(title: str) -> None:
    """Any title gives one valid file name that is recognized as ours, short enough, and inside the folder."""
    name = make_set_name("day", NOON, is_free, title)
    assert NAME_PATTERN.fullmatch(name)
    assert not re.search(r"[/\\.\0\s]", name)
    assert len(f"{name}-9999{RECORD_SUFFIX}".encode()) < 255


@pytest.mark.parametrize(
    ("split", "title", "name"),
    [
        ("day", None, "2026-11-25"),
        ("run", None, "2026-11-25-123059"),
        ("none", None, "captions"),
        ("none", "Weekly", "2026-11-25-weekly"),
        ("day", "", "2026-11-25-123059"),
    ],
)
def test_names(split: Split, title: str | None, name: str) -> None:
    """A set is named by its day, its title, or the time; further sets with that name get numbers."""
    assert make_set_name(split, NOON, is_free, title) == name
    taken = {name, f"{name}-2"}
    assert make_set_name(split, NOON, taken.__contains__, title) == f"{name}-3"


@pytest.mark.parametrize(
    ("name", "split", "stays"),
    [
        ("2026-11-25", "day", True),
        ("2026-11-25-weekly", "day", True),
        ("2026-11-24", "day", False),
        ("2026-11-24-weekly", "day", False),
        ("captions", "day", False),
        ("captions", "none", True),
        ("2020-01-01-weekly", "none", True),
        ("2026-11-24-235959", "run", True),
    ],
)
def test_a_new_day(name: str, split: Split, stays: bool) -> None:
    """With ``day`` a set is open on its own day only; otherwise it stays open."""
    assert stays_open(name, split, date(2026, 11, 25)) is stays


DAY = 86_400.0
SETS = [StoredSet("c", 3_000_000, 9 * DAY), StoredSet("a", 1_000_000, 1 * DAY), StoredSet("b", 2_000_000, 5 * DAY)]


@pytest.mark.parametrize(
    ("keep_days", "keep_mb", "deleted"),
    [
        (0, 0, []),
        (9, 0, []),
        (8, 0, ["a"]),
        (4, 0, ["a", "b"]),
        (1, 0, ["a", "b"]),
        (0, 6, []),
        (0, 5, ["a"]),
        (0, 4, ["a", "b"]),
        (0, 1, ["a", "b"]),
        (8, 3, ["a", "b"]),
    ],
)
def test_retention(keep_days: int, keep_mb: int, deleted: list[str]) -> None:
    """Sets that are too old or exceed the total size are deleted, the oldest first, and never the current one."""
    assert expired(SETS, "c", 10 * DAY - 1, keep_days, keep_mb) == deleted
