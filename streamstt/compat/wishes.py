"""What clients of any of these protocols ask for, read from their words. Pure."""

import json
from typing import Any

from streamstt.audio.format import MAX_RATE, MIN_RATE
from streamstt.hub.protocol import ClientError

MAX_CHANNELS = 8


def check_form(rate: int, channels: int) -> None:
    """Refuses what cannot be heard.

    Raises:
        ClientError: Rate or channels are out of range.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ClientError("bad_rate", f"audio may have {MIN_RATE} to {MAX_RATE} samples a second, not {rate}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise ClientError("bad_channels", f"audio may have 1 to {MAX_CHANNELS} channels, not {channels}")


def as_object(text: str | bytes, hint: str = "text must be a JSON object; audio is binary") -> dict[str, Any]:
    """A JSON object.

    Args:
        text: What a client sent.
        hint: What it is told if that is something else.

    Raises:
        ClientError: It is something else.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ClientError("bad_message", hint, 1003)
    return data


def base_language(tag: str) -> str:
    """The language of a tag: ``en`` of ``en-US``."""
    return tag.replace("_", "-").partition("-")[0].lower()
