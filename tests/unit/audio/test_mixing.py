"""One channel of several."""

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.mixing import MAX_SAMPLE, ChannelMixer, make_finite


def voice(seed: int = 0) -> Samples:
    return (np.random.default_rng(seed).standard_normal(4 * SAMPLE_RATE) * 0.1).astype(np.float32)


def mix(*channels: Samples, block: int = 640) -> Samples:
    mixer, sound = ChannelMixer(), np.stack(channels, axis=1)
    return np.concatenate([mixer.push(sound[i : i + block]) for i in range(0, len(sound), block)])


def test_channels_are_averaged() -> None:
    """None is lost and the result cannot clip; mono stays as it is."""
    stereo = np.array([[1, 0], [1, 1], [-1, 1]], dtype=np.float32)
    assert ChannelMixer().push(stereo).tolist() == [0.5, 1, 0]
    assert ChannelMixer().push(stereo).dtype == np.float32
    assert ChannelMixer().push(stereo[:, 0]).tolist() == [1, 1, -1]
    assert ChannelMixer().push(stereo[:, :1]).tolist() == [1, 1, -1]


@pytest.mark.parametrize("block", [320, 640, 160_000])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.6])
def test_channels_that_cancel_each_other(share: float, block: int) -> None:
    """Of channels with opposite poles one is heard, also if one is quieter."""
    assert np.abs(mix(voice(), -share * voice(), block=block) - voice()).max() < 1e-6


def test_a_balanced_signal() -> None:
    """The hum of the cable is the same in both channels, the voice is not: the voice is heard."""
    hum = 0.02 * voice(1)
    assert abs(np.corrcoef(mix(hum + voice(), hum - voice()), voice())[0, 1]) > 0.9


@pytest.mark.parametrize("count", [2, 3, 8, 32])
def test_channels_without_relation_are_averaged(count: int) -> None:
    """Speakers on channels of their own are all heard, whatever their number."""
    channels = [voice(i) for i in range(count)]
    np.testing.assert_allclose(mix(*channels), np.mean(channels, axis=0), atol=1e-6)


def test_the_same_or_nothing_on_the_other_channel() -> None:
    """A doubled voice and a voice on one channel stay what they were."""
    np.testing.assert_allclose(mix(voice(), voice()), voice(), atol=1e-6)
    np.testing.assert_allclose(mix(voice(), 0 * voice()), voice() / 2, atol=1e-6)


def test_impossible_samples() -> None:
    """What is no number becomes silence, what is far beyond full scale is limited; good samples are not copied."""
    bad = np.array([0.5, np.nan, np.inf, -np.inf, 1e30, -1e30, 40, -1e9, 1.5], np.float32)
    assert make_finite(bad).tolist() == [0.5, 0, 0, 0, 0, 0, MAX_SAMPLE, -MAX_SAMPLE, 1.5]
    assert make_finite(good := voice()) is good
    assert make_finite(bad[:0]).size == 0
