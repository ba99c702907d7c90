"""Do capture and engine make progress? Pure: the caller brings the clock."""

MAX_DECODE_S = 10.0  # longer than any machine that keeps up takes for one decode
MAX_SILENCE_S = 5.0  # a device that hangs is noticed, and called lost, long before; this finds a thread that is gone


class Liveness:
    """When each device that is listened to gave audio last."""

    def __init__(self) -> None:
        self._last_audio: dict[str, float] = {}

    def audio_received(self, source: str, now: float) -> None:
        """Audio came from a device at ``now`` (s)."""
        self._last_audio[source] = now

    def expect_no_audio(self, source: str) -> None:
        """No audio is to be expected: the device is lost and waited for, or the source has ended."""
        self._last_audio.pop(source, None)

    def stall_reason(self, now: float, busy_since: float | None, decode_s: float = MAX_DECODE_S) -> str:
        """What is stuck, as a sentence for people; empty when all goes on.

        Args:
            now: The clock (s).
            busy_since: When the engine began what it is doing; None: it is idle.
            decode_s: It may take so long.
        """
        if busy_since is not None and now - busy_since >= decode_s:
            return f"The speech engine has not answered for {_format_duration(now - busy_since)}."
        silent = [name for name, at in self._last_audio.items() if now - at >= MAX_SILENCE_S]
        if silent:
            return f"No audio comes from {', '.join(silent)}, though the device is open."
        return ""


def _format_duration(seconds: float) -> str:
    """So long at least; in few steps, so that viewers are not told every second."""
    steps = ((3600, "an hour"), (600, "10 minutes"), (60, "a minute"), (30, "30 s"), (0, "10 s"))
    return next(text for at_least, text in steps if seconds >= at_least)
