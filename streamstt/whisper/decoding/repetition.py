"""Detects a decoder that repeats itself. A speaker who repeats a phrase takes time for it; a decoder does not."""

from collections.abc import Sequence

import torch

MAX_PERIOD = 20  # tokens: repetitions of longer phrases are not searched
MIN_POSITIONS_PER_TOKEN = 2  # encoder positions (40 ms): no speaker is faster
SHORT_PERIOD = 3  # tokens: a phrase of up to this length must occur three times, a longer one twice


def repeated_suffix_length(tokens: Sequence[int], attention: torch.Tensor) -> int:
    """Returns how many of the last tokens repeat a phrase without new audio for each repetition; 0 if none.

    The first of the repetitions counts, too, unless the text begins with it: where the decoder repeats itself, it has
    lost its place in the audio, and what it wrote may stand for any of them.

    Args:
        tokens: The text so far, n tokens.
        attention: Cross-attention of the alignment heads for these tokens, and possibly for the next, shape
            (A, n or n + 1, T).
    """
    for period in range(1, min(MAX_PERIOD, len(tokens) // 2) + 1):
        times = 3 if period <= SHORT_PERIOD else 2
        if len(tokens) < times * period:
            continue
        phrase = list(tokens[-period:])
        if all(list(tokens[-(k + 1) * period : -k * period]) == phrase for k in range(1, times)):
            repeated = (times - 1) * period
            rows = attention[:, len(tokens) - repeated - period : len(tokens)]  # (A, times * period, T)
            peaks = _peak_positions(rows.mean(dim=0).float())  # (times * period,)
            moved = float(peaks[-period:].mean() - peaks[:period].mean())  # positions
            if moved < MIN_POSITIONS_PER_TOKEN * repeated:
                return repeated + (period if len(tokens) > repeated + period else 0)
    return 0


def _peak_positions(rows: torch.Tensor) -> torch.Tensor:
    """Returns the position around which each row, (n, T), has its greatest mass, shape (n,)."""
    smooth = torch.nn.functional.avg_pool1d(rows[:, None], 5, stride=1, padding=2)[:, 0]  # (n, T)
    return smooth.argmax(dim=1).float()
