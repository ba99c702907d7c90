"""Detects that a capture or the engine has stopped making progress. Pure: the caller passes the time."""

MAX_DECODE_S = 10.0  # longer than one decode takes on any machine that keeps up
MAX_SILENCE_S = 5.0  # finds a thread that is gone: a device that hangs is detected, and called lost, long before


class Liveness:
    """Keeps the time at which each open device last delivered audio.

    It must not know why a device is lost, nor whether anybody speaks.
    """

    def __init__(self) -> None:
        self._last_audio: dict[str, float] = {}

    def audio_received(self, source: str, now: float) -> None:
        """Records that a device has delivered audio.

        Args:
            source: Name of the source.
            now: Time of the clock, in seconds.
        """
        self._last_audio[source] = now

    def expect_no_audio(self, source: str) -> None:
        """Records that a source delivers no audio for now: its device is lost, or it has ended.

        Args:
            source: Name of the source.
        """
        self._last_audio.pop(source, None)

    def stall_reason(self, now: float, busy_since: float | None, decode_s: float = MAX_DECODE_S) -> str:
        """Describes in a sentence what is stuck; empty if nothing is.

        Args:
            now: Time of the clock, in seconds.
            busy_since: Since when the engine has been busy, by the same clock; None: it is idle.
            decode_s: How long the engine may be busy, in seconds.
        """
        if busy_since is not None and now - busy_since >= decode_s:
            return f"The speech engine has not answered for {_format_duration(now - busy_since)}."
        silent = [name for name, at in self._last_audio.items() if now - at >= MAX_SILENCE_S]
        if silent:
            return f"No audio comes from {', '.join(silent)}, though the device is open."
        return ""


def _format_duration(seconds: float) -> str:
    """Returns the duration in words, rounded down to one of few steps, so that the sentence seldom changes."""
    steps = ((3600, "an hour"), (600, "10 minutes"), (60, "a minute"), (30, "30 s"), (0, "10 s"))
    return next(text for at_least, text in steps if seconds >= at_least)
