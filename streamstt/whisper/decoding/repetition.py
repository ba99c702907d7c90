"""A decoder that repeats itself, told apart from a speaker who does: the speaker takes time for it."""

from collections.abc import Sequence

import torch

MAX_PERIOD = 20  # tokens: longer phrases that come back are not looked for
MIN_POSITIONS_PER_TOKEN = 2  # encoder positions (40 ms): nobody says a token in less
SHORT_PERIOD = 3  # repetitions of up to this many tokens must come three times, longer ones twice


def repeated_suffix_length(tokens: Sequence[int], attention: torch.Tensor) -> int:
    """How many of the last tokens only repeat what stands before them, without new audio to show for it.

    Args:
        tokens: What was said so far.
        attention: Where each token was heard, and maybe the next, shape (A, n or n + 1, T), of the same tokens.
    """
    for size in range(1, min(MAX_PERIOD, len(tokens) // 2) + 1):
        times = 3 if size <= SHORT_PERIOD else 2
        if len(tokens) < times * size:
            continue
        last = list(tokens[-size:])
        if all(list(tokens[-(k + 1) * size : -k * size]) == last for k in range(1, times)):
            repeated = (times - 1) * size
            rows = attention[:, len(tokens) - repeated - size : len(tokens)]  # (A, times * size, T)
            places = rows.mean(dim=0).float()  # (times * size, T)
            centres = _peak_positions(places)
            moved = float(centres[-size:].mean() - centres[:size].mean())
            if moved < MIN_POSITIONS_PER_TOKEN * repeated:
                return repeated
    return 0


def _peak_positions(rows: torch.Tensor) -> torch.Tensor:
    """The position around which each row has its greatest mass, shape (n,)."""
    smooth = torch.nn.functional.avg_pool1d(rows[:, None], 5, stride=1, padding=2)[:, 0]
    return smooth.argmax(dim=1).float()
