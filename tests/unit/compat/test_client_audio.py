"""A client's audio on its way to its source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import Samples, to_s16le
from streamstt.compat.client_audio import ClientAudio
from streamstt.hub.protocol import ClientError
from tests.support.captions import make_hub
from tests.support.drawing import PROPERTY, draw

AUDIO = draw("..ssss..SSSS..")


class RecordingStream:
    """Implements ``RemoteStream``: keeps the audio that it receives."""

    name = "recording"
    position = 0.0
    settled = True

    def __init__(self) -> None:
        self.pieces: list[Samples] = []
        self.finished = 0

    @property
    def samples(self) -> Samples:
        return np.concatenate(self.pieces)

    async def push(self, samples: Samples) -> None:
        self.pieces.append(samples)

    async def drain(self) -> None:
        self.finished += 1

    def end_utterance(self) -> None:
        """Nothing to do: it has no captions."""

    async def wait_until_final(self, until: float) -> None:
        """Returns at once: it has no captions."""

    def close(self) -> None:
        """Nothing to release."""


async def feed(data: bytes, sizes: list[int], rate: int = 16000, channels: int = 1) -> RecordingStream:
    stream = RecordingStream()
    audio = ClientAudio(stream, make_hub(), rate, channels)
    at = turn = 0
    while at < len(data):
        await audio.push(data[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    await audio.drain()
    return stream


@PROPERTY
@given(st.lists(st.integers(1, 2001), min_size=1, max_size=4), st.sampled_from([1, 2, 3]))
async def test_pieces_cut_anywhere(sizes: list[int], channels: int) -> None:
    """Messages that end within a sample or between channels lose nothing; channels are mixed down."""
    data = np.frombuffer(to_s16le(AUDIO), dtype="<i2").repeat(channels).tobytes()
    stream = await feed(data, [max(size, 20) for size in sizes], channels=channels)
    assert np.allclose(stream.samples, AUDIO, atol=1e-4)


async def test_other_rates() -> None:
    """Audio at half the rate becomes twice as many samples, to its end."""
    stream = await feed(to_s16le(AUDIO), [999], rate=8000)
    assert len(stream.samples) == 2 * len(AUDIO)


async def test_audio_goes_on() -> None:
    """After ``drain`` more audio may follow, in another format; half a sample from before is discarded."""
    stream = RecordingStream()
    audio = ClientAudio(stream, make_hub(), 16000)
    await audio.push(to_s16le(AUDIO) + b"\x01")
    await audio.drain()
    await audio.push(to_s16le(AUDIO))
    audio.set_format(8000, 1)
    await audio.push(to_s16le(AUDIO))
    await audio.drain()
    assert stream.finished == 2
    assert len(stream.samples) == 4 * len(AUDIO)
    assert np.allclose(stream.samples[len(AUDIO) : 2 * len(AUDIO)], AUDIO, atol=1e-4)


@pytest.mark.parametrize(("rate", "channels"), [(7999, 1), (48001, 1), (16000, 0), (16000, 9), (-1, 1)])
async def test_invalid_formats(rate: int, channels: int) -> None:
    """Invalid formats are rejected at the start and later."""
    with pytest.raises(ClientError):
        ClientAudio(RecordingStream(), make_hub(), rate, channels)
    with pytest.raises(ClientError):
        ClientAudio(RecordingStream(), make_hub(), 16000).set_format(rate, channels)
