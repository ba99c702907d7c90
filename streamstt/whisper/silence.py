"""Thirty seconds of nothing, heard once: what the decoder finds behind every window.

Silence has the value of the floor that the window was clamped to (``mel.LogMel``). A floor of its own for every window
would cost an encoder run each, so there are two, made in advance, and a window is raised to the next one.
"""

from collections.abc import Callable

import torch

from streamstt.whisper.model import POSITIONS, Memory, Shape

FLOORS = (-0.6, -0.2)  # of speech; and of sound that touches full scale
STRIDE = 8  # of eight silent positions one stands for all: a quarter of the decoder's time, the same words


class Silences:
    """One memory for each floor, its silence in place."""

    def __init__(self, shape: Shape, hear: Callable[[torch.Tensor], torch.Tensor], device: torch.device) -> None:
        """Encodes the silences.

        Args:
            shape: Sizes of the model.
            hear: Spectrogram (n_mels, 2 T) to keys and values (L, 2, H, T, D/H).
            device: Where the model runs.
        """
        self._memories = {}
        for floor in FLOORS:
            memory = Memory(shape, STRIDE, device)
            memory.put_silence(hear(torch.full((shape.n_mels, 2 * POSITIONS), floor, device=device)))
            self._memories[floor] = memory

    def under(self, mel: torch.Tensor) -> tuple[torch.Tensor, Memory]:
        """The spectrogram raised to a floor that is known, and the memory with the silence of that floor."""
        lowest = float(mel.min())
        floor = next((f for f in FLOORS if f >= lowest - 0.05), FLOORS[-1])
        return mel.clamp(min=floor), self._memories[floor]
