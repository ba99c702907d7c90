"""The silence after a window, up to the 30 s that Whisper was trained on.

Without it the encoder is less accurate and the decoder does not know where to stop. Silence has the minimum value of
the window's spectrogram, its floor (``log_mel.LogMel``). Each floor that occurs is encoded once, in a few milliseconds.
"""

from collections.abc import Callable

import torch

from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import Encoder, SilentContext
from streamstt.whisper.network.layers import ModelDimensions

MAX_CONTEXTS = 8  # floors: one speaker's level changes little between updates, but several may take turns
FLOOR_STEP = 0.1  # quantization of floors, in units of the spectrogram: a window is clamped to the nearest step


class SilentContexts:
    """Encodes windows, each with the silent context of its floor. Owns the contexts and one reusable ``CrossKV``."""

    def __init__(
        self,
        dims: ModelDimensions,
        encoder: Encoder,
        project_kv: Callable[[torch.Tensor], torch.Tensor],
        lead_in: torch.Tensor,
    ) -> None:
        """Starts without contexts; they are encoded when a floor first occurs.

        Args:
            dims: Sizes of the model.
            encoder: The model's encoder.
            project_kv: Maps encoder output, (T, D), to the decoder's keys and values, (L, 2, H, T, D/H).
            lead_in: Spectrogram of some speech, shape (n_mels, 2 n). It precedes the silence when that is encoded:
                silence after speech is encoded otherwise than silence alone.
        """
        self._dims = dims
        self._encoder = encoder
        self._project_kv = project_kv
        self._lead_in = lead_in
        self._contexts: dict[int, tuple[SilentContext, torch.Tensor]] = {}  # by floor in steps, 5 MB each (base)
        self._cross_kv: CrossKV | None = None
        self._current_step: int | None = None

    def encode_window(self, mel: torch.Tensor) -> CrossKV:
        """Encodes a window together with its silent context.

        Args:
            mel: Shape (n_mels, 2 T).

        Returns:
            Keys and values for the decoder. The next call overwrites them.
        """
        step, encoded, (silence, kv) = self._encode(mel)
        if self._cross_kv is None:
            self._cross_kv = CrossKV(self._dims, len(silence.positions), mel.device)
        if step != self._current_step:
            self._cross_kv.set_silence(kv)
            self._current_step = step
        self._cross_kv.set_window(self._project_kv(encoded), silence.attention_bias(len(encoded)))
        return self._cross_kv

    def encode_window_alone(self, mel: torch.Tensor) -> CrossKV:
        """Encodes a window as ``encode_window`` does, into a new ``CrossKV`` that is no larger than necessary."""
        _, encoded, (silence, kv) = self._encode(mel)
        covered = silence.n_covered(len(encoded))
        cross_kv = CrossKV(self._dims, len(silence.positions) - covered, mel.device, len(encoded))
        cross_kv.set_silence(kv[:, :, :, covered:])
        cross_kv.set_window(self._project_kv(encoded), silence.attention_bias(len(encoded))[covered:])
        return cross_kv

    def _encode(self, mel: torch.Tensor) -> tuple[int, torch.Tensor, tuple[SilentContext, torch.Tensor]]:
        """Returns the window's floor in steps, its encoding, (T, D), and its silent context with keys and values."""
        step = int(torch.ceil(mel.min() / FLOOR_STEP - 0.5))
        context = self._silent_context(step)
        return step, self._encoder(mel.clamp(min=step * FLOOR_STEP), context[0]), context

    def _silent_context(self, step: int) -> tuple[SilentContext, torch.Tensor]:
        context = self._contexts.pop(step, None)
        if context is None:
            silence = self._encoder.encode_silence(self._lead_in.clamp(min=step * FLOOR_STEP), step * FLOOR_STEP)
            context = silence, self._project_kv(silence.encoded)
            if len(self._contexts) >= MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]  # the least recently used
        self._contexts[step] = context
        return context
