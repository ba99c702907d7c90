"""What lies behind every window: silence up to 30 s, for that is what Whisper was trained on.

Without it the encoder hears worse and the decoder does not know where to stop. Silence has the value of the floor that
the window was clamped to (``mel.LogMel``); each floor that occurs is encoded once, in a few milliseconds.
"""

from collections.abc import Callable

import torch

from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import Encoder, SilentContext
from streamstt.whisper.network.layers import ModelDimensions

MAX_CONTEXTS = 8  # floors: a speaker's level changes little from one update to the next, but others speak too
FLOOR_STEP = 0.1  # floors are this far apart: a window is raised to the next one


class SilentContexts:
    """The silence of each floor, and the one memory that they are put into."""

    def __init__(
        self,
        dims: ModelDimensions,
        encoder: Encoder,
        project_kv: Callable[[torch.Tensor], torch.Tensor],
        lead_in: torch.Tensor,
    ) -> None:
        """Knows no silence yet.

        Args:
            dims: Sizes of the model.
            encoder: Of the model.
            project_kv: What the encoder heard, (T, D), to the decoder's keys and values, (L, 2, H, T, D/H).
            lead_in: Spectrogram of a little speech, shape (n_mels, 2 n): silence after it is not silence alone.
        """
        self._dims = dims
        self._encoder = encoder
        self._project_kv = project_kv
        self._lead_in = lead_in
        self._contexts: dict[int, tuple[SilentContext, torch.Tensor]] = {}  # the last few floors, 5 MB each (base)
        self._cross_kv: CrossKV | None = None
        self._current_step: int | None = None

    def encode_window(self, mel: torch.Tensor) -> CrossKV:
        """Encodes a window, shape (n_mels, 2 T), and puts it in front of its silence, into the one memory."""
        step, heard, (silence, kv) = self._encode(mel)
        if self._cross_kv is None:
            self._cross_kv = CrossKV(self._dims, len(silence.positions), mel.device)
        if step != self._current_step:
            self._cross_kv.set_silence(kv)
            self._current_step = step
        self._cross_kv.set_window(self._project_kv(heard), silence.attention_bias(len(heard)))
        return self._cross_kv

    def encode_window_alone(self, mel: torch.Tensor) -> CrossKV:
        """The same into a memory of its own, which the next window does not touch; no larger than it must be."""
        _, heard, (silence, kv) = self._encode(mel)
        hidden = silence.n_covered(len(heard))
        memory = CrossKV(self._dims, len(silence.positions) - hidden, mel.device, len(heard))
        memory.set_silence(kv[:, :, :, hidden:])
        memory.set_window(self._project_kv(heard), silence.attention_bias(len(heard))[hidden:])
        return memory

    def _encode(self, mel: torch.Tensor) -> tuple[int, torch.Tensor, tuple[SilentContext, torch.Tensor]]:
        """The window's floor, what is heard in it, (T, D), and the silence behind it."""
        step = int(torch.ceil(mel.min() / FLOOR_STEP - 0.5))
        known = self._silent_context(step)
        return step, self._encoder(mel.clamp(min=step * FLOOR_STEP), known[0]), known

    def _silent_context(self, step: int) -> tuple[SilentContext, torch.Tensor]:
        known = self._contexts.pop(step, None)
        if known is None:
            silence = self._encoder.encode_silence(self._lead_in.clamp(min=step * FLOOR_STEP), step * FLOOR_STEP)
            known = silence, self._project_kv(silence.encoded)
            if len(self._contexts) >= MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]  # the one that was not heard for longest
        self._contexts[step] = known
        return known
