"""The audio of a client, of any protocol, on its way to its source."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from streamstt.audio.format import MAX_RATE, MIN_RATE, Resampler, from_s16le
from streamstt.audio.mixing import ChannelMixer
from streamstt.captioning.remote_source import RemoteSource
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError
from streamstt.server.endpoint import WebSocket

MAX_CHANNELS = 8


def check_format(rate: int, channels: int) -> None:
    """Refuses audio that cannot be converted.

    Args:
        rate: Samples per second and channel.
        channels: Number of channels.

    Raises:
        ClientError: Rate or channels are out of range.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ClientError("bad_rate", f"audio may have {MIN_RATE} to {MAX_RATE} samples a second, not {rate}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise ClientError("bad_channels", f"audio may have 1 to {MAX_CHANNELS} channels, not {channels}")


class ClientAudio:
    """Converts s16le, in pieces that are cut anywhere, to 16 kHz mono, and passes it to a source."""

    def __init__(self, source: RemoteSource, hub: Hub, rate: int, channels: int = 1) -> None:
        """Starts before the first audio.

        Args:
            source: Where the audio goes.
            hub: Where its captions are published.
            rate: Samples per second and channel.
            channels: Number of channels; they are mixed.

        Raises:
            ClientError: Rate or channels are out of range.
        """
        check_format(rate, channels)
        self._source = source
        self._hub = hub
        self._format = rate, channels
        self._reset()

    def set_format(self, rate: int, channels: int = 1) -> None:
        """Sets the format of the audio that follows.

        Raises:
            ClientError: Rate or channels are out of range.
        """
        check_format(rate, channels)
        if self._format != (rate, channels):
            self._format = rate, channels
            self._reset()

    def _reset(self) -> None:
        self._resampler, self._mixer = Resampler(self._format[0]), ChannelMixer()
        self._remainder = b""  # less than one sample of each channel

    async def push(self, data: bytes) -> None:
        """Passes audio on; waits only when the engine is far behind.

        No other task runs between two messages that have already arrived. So when audio is sent faster than real
        time, the engine decodes all that has arrived at once, not message by message.
        """
        data = self._remainder + data
        channels = self._format[1]
        whole = len(data) - len(data) % (2 * channels)
        self._remainder = data[whole:]
        samples = from_s16le(data[:whole]).reshape(-1, channels)  # (n, channels)
        await self._source.push(self._resampler.push(np.ascontiguousarray(self._mixer.push(samples))))

    async def drain(self) -> None:
        """Makes all audio so far final; returns when its captions are in the client's queue. More audio may follow."""
        await self.end_utterance()
        await self._source.drain()
        await self._hub.flush()

    async def end_utterance(self) -> None:
        """Marks the audio so far as complete: it becomes final soon. More audio may follow."""
        await self._source.push(self._resampler.push(from_s16le(b""), last=True))
        self._reset()
        self._source.end_utterance()


def _nothing(_: str | bytes) -> bool:
    return False


async def receive(socket: WebSocket, idle_s: float, ignore: Callable[[str | bytes], bool] = _nothing) -> str | bytes:
    """Returns a client's next message.

    Args:
        socket: The client's WebSocket.
        idle_s: Time limit, in seconds.
        ignore: Returns whether to skip a message; a skipped message does not extend the time limit.

    Raises:
        ClientError: No message came in time.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(idle_s):
            while ignore(message := await socket.recv()):
                pass
            return message
    raise ClientError("idle", f"no audio for {idle_s:g} s (server.audio_idle_s)")
