"""Wall time, as messages tell it."""

from datetime import UTC, datetime


def now() -> str:
    """Wall time, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
