"""Names of transcript sets, when one ends, and which are to be deleted. Pure: it knows no disk and no clock."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Split = Literal["day", "run", "none"]

RECORD_SUFFIX = ".jsonl"
LIVE_SUFFIXES = (".srt", ".vtt", ".txt")
NAME_PATTERN = re.compile(r"\d{4}-\d\d-\d\d(-[\w-]+)?|captions(-\d+)?")  # nothing else in the folder is ever touched
MAX_SLUG = 40  # characters: of four bytes each, and with all that stands around them, below the 255 of a file name
DAY_S = 86_400


def make_slug(title: str) -> str:
    """The title as part of a file name: letters and digits of any script, in small letters, with hyphens between."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", title).lower())
    return "-".join(words)[:MAX_SLUG].strip("-")


def make_set_name(split: Split, now: datetime, is_taken: Callable[[str], bool], title: str | None = None) -> str:
    """The name of a set that begins now.

    Args:
        split: The setting.
        now: Local time.
        is_taken: Whether a name is in use.
        title: What somebody called it; None: it begins by itself.
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
    """Whether the set takes what is said today: with ``day``, one of yesterday does not, titled or not."""
    return split != "day" or name.startswith(today.isoformat())


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set on disk.

    Attributes:
        name: Of its files, without what they end in.
        size: Of all of them, in bytes.
        modified_at: When something was last written, in seconds since 1970.
    """

    name: str
    size: int
    modified_at: float


def expired(stored: Sequence[StoredSet], current: str, now: float, keep_days: int, keep_mb: int) -> list[str]:
    """The names of the sets that are too old, or too much; the oldest go first.

    Args:
        stored: All.
        current: Name of the one that is written to: it stays.
        now: Seconds since 1970.
        keep_days: Days that a set is kept after its last caption; 0: for ever.
        keep_mb: Megabytes (10^6 bytes) that all may have together; 0: any.
    """
    left = sum(s.size for s in stored)
    names = []
    for each in sorted((s for s in stored if s.name != current), key=lambda s: (s.modified_at, s.name)):
        old = keep_days and now - each.modified_at > keep_days * DAY_S
        if not old and not (keep_mb and left > keep_mb * 10**6):
            break
        names.append(each.name)
        left -= each.size
    return names
