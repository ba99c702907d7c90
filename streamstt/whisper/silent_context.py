"""The silence after a window, up to the 30 s that Whisper was trained on.

Without it the encoder is less accurate and the decoder does not know where to stop. Silence has the minimum value of
the window's spectrogram, its floor (``log_mel.LogMel``). Each floor that occurs is encoded once, in a few milliseconds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from streamstt.whisper.network.encoder import Encoder, SilentContext, silent_positions

MAX_CONTEXTS = 8  # floors: one speaker's level changes little between updates, but several may take turns
FLOOR_STEP = 0.1  # quantization of floors, in units of the spectrogram: a window is clamped to the nearest step


@dataclass(frozen=True, slots=True)
class EncodedSilence:
    """Silence of one floor.

    Attributes:
        floor: Its value in the spectrogram.
        context: What the encoder needs of it.
        kv: What the decoder needs of it: keys and values, (L, 2, H, S, D/H).
    """

    floor: float
    context: SilentContext
    kv: torch.Tensor


def nearest_floor(value: float) -> float:
    """Returns the floor that is nearest to a value of the spectrogram."""
    return math.ceil(value / FLOOR_STEP - 0.5) * FLOOR_STEP


class SilentContexts:
    """Encodes silence; keeps that of the floors which were used last."""

    def __init__(
        self, encoder: Encoder, project_kv: Callable[[torch.Tensor], torch.Tensor], lead_in: torch.Tensor
    ) -> None:
        """Starts without contexts; they are encoded when a floor first occurs.

        Args:
            encoder: The model's encoder.
            project_kv: Maps encoder output, (T, D), to the decoder's keys and values, (L, 2, H, T, D/H).
            lead_in: Spectrogram of some speech, shape (n_mels, 2 n). It precedes the silence when that is encoded:
                silence after speech is encoded otherwise than silence alone.
        """
        self._encoder = encoder
        self._project_kv = project_kv
        self._lead_in = lead_in
        self._contexts: dict[float, EncodedSilence] = {}  # by floor, 3 MB each (base)

    @property
    def n_positions(self) -> int:
        """Number of positions of each context."""
        return len(silent_positions(self._lead_in))

    def __call__(self, floor: float) -> EncodedSilence:
        """Returns silence of a floor, from ``nearest_floor``."""
        silence = self._contexts.pop(floor, None)
        if silence is None:
            context = self._encoder.encode_silence(self._lead_in.clamp(min=floor), floor)
            silence = EncodedSilence(floor, context, self._project_kv(context.encoded))
            if len(self._contexts) >= MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]  # the least recently used
        self._contexts[floor] = silence
        return silence
