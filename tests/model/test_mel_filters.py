"""Our mel filters are those of transformers."""

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank

from streamstt.whisper.mel_filters import mel_filters


@pytest.mark.parametrize(("n_mels", "n_bins", "sample_rate"), [(80, 201, 16000), (128, 201, 16000), (4, 9, 1500)])
def test_mel_filters(n_mels: int, n_bins: int, sample_rate: int) -> None:
    """All of Whisper's sizes, and one that ends where the scale is still linear, are the same numbers in float32."""
    expected = mel_filter_bank(n_bins, n_mels, 0.0, sample_rate / 2, sample_rate, "slaney", "slaney").T
    assert np.array_equal(mel_filters(n_mels, n_bins, sample_rate).astype(np.float32), expected.astype(np.float32))
