"""The audio of a client of any of these protocols, on its way to its source."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import numpy as np

from streamstt.audio.format import MAX_RATE, MIN_RATE, Resampler, from_s16le, mix_down
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError
from streamstt.server.endpoint import RemoteStream, WebSocket

MAX_CHANNELS = 8


def check_format(rate: int, channels: int) -> None:
    """Refuses what cannot be heard.

    Raises:
        ClientError: Rate or channels are out of range.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ClientError("bad_rate", f"audio may have {MIN_RATE} to {MAX_RATE} samples a second, not {rate}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise ClientError("bad_channels", f"audio may have 1 to {MAX_CHANNELS} channels, not {channels}")


def parse_json_object(text: str | bytes, hint: str = "text must be a JSON object; audio is binary") -> dict[str, Any]:
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


class ClientAudio:
    """Takes s16le in pieces that are cut anywhere."""

    def __init__(self, stream: RemoteStream, hub: Hub, rate: int, channels: int = 1) -> None:
        """Has taken nothing.

        Args:
            stream: Where it goes.
            hub: Where its captions come from.
            rate: Samples a second, of each channel.
            channels: How many; their mean is heard.

        Raises:
            ClientError: Rate or channels are out of range.
        """
        check_format(rate, channels)
        self._stream = stream
        self._hub = hub
        self._format = rate, channels
        self._reset()

    def set_format(self, rate: int, channels: int = 1) -> None:
        """From now on audio has this form.

        Raises:
            ClientError: Rate or channels are out of range.
        """
        check_format(rate, channels)
        if self._format != (rate, channels):
            self._format = rate, channels
            self._reset()

    def _reset(self) -> None:
        self._resampler = Resampler(self._format[0])
        self._remainder = b""  # less than one sample of each channel

    async def push(self, data: bytes) -> None:
        """Passes audio on; waits when the engine is far behind."""
        data = self._remainder + data
        channels = self._format[1]
        whole = len(data) - len(data) % (2 * channels)
        self._remainder = data[whole:]
        samples = from_s16le(data[:whole]).reshape(-1, channels)  # (n, channels)
        await self._stream.push(self._resampler.push(np.ascontiguousarray(mix_down(samples))))
        await asyncio.sleep(0)  # whoever sends captions has a turn: it may have to tell how far the audio is now

    async def drain(self) -> None:
        """All that was said so far becomes final; returns when it waits for the client. More audio may follow."""
        await self.end_utterance()
        await self._stream.drain()
        await self._hub.flush()

    async def end_utterance(self) -> None:
        """All that was said so far is complete, and becomes final soon. More audio may follow."""
        await self._stream.push(self._resampler.push(from_s16le(b""), last=True))
        self._reset()
        self._stream.end_utterance()


async def receive(socket: WebSocket, idle_s: float) -> str | bytes:
    """A client's next message.

    Raises:
        ClientError: None comes for too long.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(idle_s):
            return await socket.recv()
    raise ClientError("idle", f"no audio for {idle_s:g} s (server.audio_idle_s)")
