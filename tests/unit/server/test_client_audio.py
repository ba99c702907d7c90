"""A client's bytes on their way to its source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import Samples, to_s16le
from streamstt.captioning.remote_source import RemoteSource
from streamstt.hub.protocol import ClientError
from streamstt.server.client_audio import ClientAudio
from tests.support.captions import make_hub
from tests.support.drawing import PROPERTY, draw

AUDIO = draw("..ssss..SSSS..")


class Kept(RemoteSource):
    """Keeps what it is given; has no session behind it."""

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
        """It keeps no words."""


async def fed(data: bytes, sizes: list[int], rate: int = 16000, channels: int = 1) -> Kept:
    kept = Kept()
    feed = ClientAudio(kept, make_hub(), rate, channels)
    at = turn = 0
    while at < len(data):
        await feed.push(data[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    await feed.drain()
    return kept


@PROPERTY
@given(st.lists(st.integers(1, 2001), min_size=1, max_size=4), st.sampled_from([1, 2, 3]))
async def test_pieces_cut_anywhere(sizes: list[int], channels: int) -> None:
    """Messages that end within a sample, or between channels, lose nothing; channels are heard as one."""
    data = np.frombuffer(to_s16le(AUDIO), dtype="<i2").repeat(channels).tobytes()
    kept = await fed(data, [max(size, 20) for size in sizes], channels=channels)
    assert np.allclose(kept.samples, AUDIO, atol=1e-4)


async def test_other_rates() -> None:
    """Audio of half the rate has as many samples inside, to its very end."""
    kept = await fed(to_s16le(AUDIO), [999], rate=8000)
    assert len(kept.samples) == 2 * len(AUDIO)


async def test_audio_goes_on() -> None:
    """After everything was made final, more may come, of another form; half a sample from before is forgotten."""
    kept = Kept()
    feed = ClientAudio(kept, make_hub(), 16000)
    await feed.push(to_s16le(AUDIO) + b"\x01")
    await feed.drain()
    await feed.push(to_s16le(AUDIO))
    feed.set_format(8000, 1)
    await feed.push(to_s16le(AUDIO))
    await feed.drain()
    assert kept.finished == 2
    assert len(kept.samples) == 4 * len(AUDIO)
    assert np.allclose(kept.samples[len(AUDIO) : 2 * len(AUDIO)], AUDIO, atol=1e-4)


@pytest.mark.parametrize(("rate", "channels"), [(7999, 1), (48001, 1), (16000, 0), (16000, 9), (-1, 1)])
async def test_forms_that_cannot_be_heard(rate: int, channels: int) -> None:
    """They are refused at the start, and in the middle."""
    with pytest.raises(ClientError):
        ClientAudio(Kept(), make_hub(), rate, channels)
    with pytest.raises(ClientError):
        ClientAudio(Kept(), make_hub(), 16000).set_format(rate, channels)
