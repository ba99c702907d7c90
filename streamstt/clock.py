"""Wall time, as messages tell it, and the loop's own time, which never goes back."""

import asyncio
from datetime import UTC, datetime

from streamstt.audio.format import SAMPLE_RATE


def utc_timestamp() -> str:
    """Wall time, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def loop_time() -> float:
    """The loop's time, in seconds."""
    return asyncio.get_running_loop().time()


def now_samples() -> int:
    """Samples that would have been spoken since some moment."""
    return int(loop_time() * SAMPLE_RATE)
