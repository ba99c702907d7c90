"""The clocks in use: wall time, as messages carry it, and the event loop's monotonic time."""

import asyncio
from datetime import UTC, datetime

from streamstt.audio.format import SAMPLE_RATE


def utc_timestamp() -> str:
    """Returns the wall time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def loop_time() -> float:
    """Returns the running event loop's monotonic time, in seconds."""
    return asyncio.get_running_loop().time()


def now_samples() -> int:
    """Returns the event loop's time as a count of samples at 16 kHz, to compare with positions in a stream."""
    return int(loop_time() * SAMPLE_RATE)
