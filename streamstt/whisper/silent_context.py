"""What lies behind every window: silence up to 30 s, for that is what Whisper was trained on.

Without it the encoder hears worse and the decoder does not know where to stop. Silence has the value of the floor that
the window was clamped to (``mel.LogMel``); each floor that occurs is encoded once, in a few milliseconds.
"""

from collections.abc import Callable

import torch

from streamstt.whisper.network.decoder import Memory
from streamstt.whisper.network.encoder import Encoder, Silence
from streamstt.whisper.network.layers import Shape

KEPT = 8  # floors: a speaker's level changes little from one update to the next, but others speak too
STEP = 0.1  # floors are this far apart: a window is raised to the next one


class Silences:
    """The silence of each floor, and the one memory that they are put into."""

    def __init__(
        self, shape: Shape, encoder: Encoder, cross: Callable[[torch.Tensor], torch.Tensor], lead: torch.Tensor
    ) -> None:
        """Knows no silence yet.

        Args:
            shape: Sizes of the model.
            encoder: Of the model.
            cross: What the encoder heard, (T, D), to the decoder's keys and values, (L, 2, H, T, D/H).
            lead: Spectrogram of a little speech, shape (n_mels, 2 n): silence after it is not silence alone.
        """
        self._shape = shape
        self._encoder = encoder
        self._cross = cross
        self._lead = lead
        self._known: dict[int, tuple[Silence, torch.Tensor]] = {}  # the last few floors, 5 MB each (base)
        self._memory: Memory | None = None
        self._current: int | None = None

    def hear(self, mel: torch.Tensor) -> Memory:
        """Encodes a window, shape (n_mels, 2 T), and puts it in front of its silence, into the one memory."""
        step, heard, (silence, kv) = self._encode(mel)
        if self._memory is None:
            self._memory = Memory(self._shape, len(silence.places), mel.device)
        if step != self._current:
            self._memory.put_silence(kv)
            self._current = step
        self._memory.put_window(self._cross(heard), silence.bias(len(heard)))
        return self._memory

    def hear_apart(self, mel: torch.Tensor) -> Memory:
        """The same into a memory of its own, which the next window does not touch; no larger than it must be."""
        _, heard, (silence, kv) = self._encode(mel)
        hidden = silence.hidden(len(heard))
        memory = Memory(self._shape, len(silence.places) - hidden, mel.device, len(heard))
        memory.put_silence(kv[:, :, :, hidden:])
        memory.put_window(self._cross(heard), silence.bias(len(heard))[hidden:])
        return memory

    def _encode(self, mel: torch.Tensor) -> tuple[int, torch.Tensor, tuple[Silence, torch.Tensor]]:
        """The window's floor, what is heard in it, (T, D), and the silence behind it."""
        step = int(torch.ceil(mel.min() / STEP - 0.5))
        known = self._silence(step)
        return step, self._encoder(mel.clamp(min=step * STEP), known[0]), known

    def _silence(self, step: int) -> tuple[Silence, torch.Tensor]:
        known = self._known.pop(step, None)
        if known is None:
            silence = self._encoder.silence(self._lead.clamp(min=step * STEP), step * STEP)
            known = silence, self._cross(silence.heard)
            if len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]  # the one that was not heard for longest
        self._known[step] = known
        return known
