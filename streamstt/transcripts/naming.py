"""Rules for transcript sets: their names, when one ends, and which ones are deleted. Pure."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Split = Literal["day", "run", "none"]

RECORD_SUFFIX = ".jsonl"
LIVE_SUFFIXES = (".srt", ".vtt", ".txt")
NAME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d(-[\w-]+)?|captions(-\d+)?")  # no other files in the folder are touched
MAX_SLUG = 40  # characters: with four bytes each and the rest of the name, below the 255 bytes of a file name
DAY_S = 86_400


def make_slug(title: str) -> str:
    """Turns a title into part of a file name: lower-case letters and digits of any script, joined by hyphens."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title).lower())
    return "-".join(words)[:MAX_SLUG].strip("-")


def make_set_name(split: Split, now: datetime, is_taken: Callable[[str], bool], title: str | None = None) -> str:
    """Makes the name of a set that starts now.

    Args:
        split: The setting ``transcript.split``.
        now: Local time.
        is_taken: Returns whether a name is in use.
        title: Title that a user gave; None: the set starts automatically.
    """
    base = now.date().isoformat()
    if title is not None or split == "run":
        base = f"{base}-{make_slug(title or '') or now.strftime('%H%M%S')}"
    elif split == "none":
        base = "captions"
    name, number = base, 1
    while is_taken(name):
        number += 1
        name = f"{base}-{number}"
    return name


def stays_open(name: str, split: Split, today: date) -> bool:
    """Returns whether a set is continued today: with ``day``, only one that was started today, titled or not."""
    return split != "day" or name.startswith(today.isoformat())


def continued_sets(names: Sequence[str], split: Split, today: date) -> list[str]:
    """Returns the sets that belong to the same session as those of a run that starts now.

    Args:
        names: All sets, oldest first.
        split: The setting ``transcript.split``; with ``day``, all sets of today belong together.
        today: Local date.
    """
    if split == "run":
        return []
    candidates = names if split == "day" else names[-1:]
    return [name for name in candidates if stays_open(name, split, today)]


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set on disk.

    Attributes:
        name: Name of its files without their suffixes.
        size: Total size of its files, in bytes.
        modified_at: Time of the last write, in seconds since 1970.
    """

    name: str
    size: int
    modified_at: float


def expired(stored: Sequence[StoredSet], current: str, now: float, keep_days: int, keep_mb: int) -> list[str]:
    """Returns the names of the sets to delete, because they are too old or exceed the total size; the oldest first.

    Args:
        stored: All sets.
        current: Name of the set that is written to, which is kept.
        now: Present time, in seconds since 1970.
        keep_days: Days that a set is kept after its last caption; 0: forever.
        keep_mb: Maximum size of all sets in megabytes (10^6 bytes); 0: unlimited.
    """
    remaining_bytes = sum(s.size for s in stored)
    names = []
    for stored_set in sorted((s for s in stored if s.name != current), key=lambda s: (s.modified_at, s.name)):
        too_old = keep_days and now - stored_set.modified_at > keep_days * DAY_S
        if not too_old and not (keep_mb and remaining_bytes > keep_mb * 10**6):
            break
        names.append(stored_set.name)
        remaining_bytes -= stored_set.size
    return names
