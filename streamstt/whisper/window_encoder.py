"""Encodes windows for the decoder; of a window that grows, only its end.

While somebody speaks, each update decodes the audio of the last one and half a second more. What the encoder makes of
a position hardly changes once it has heard what follows for a second or two. So keys and values of such positions are
kept, in each layer of the encoder and for the decoder, and only those after them are computed.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.whisper.decoding.alignment import FRAME_S
from streamstt.whisper.log_mel import LogMel, scale, silence_value
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import EncoderKV, Steps, finish, first_frame
from streamstt.whisper.network.layers import MAX_POSITIONS
from streamstt.whisper.network.model import Network
from streamstt.whisper.silent_context import SilentContexts, nearest_floor

POSITION_SAMPLES = samples_from_ms(FRAME_S * 1000)  # samples per position of the encoder
TAIL = 75  # positions (1.5 s) at the end of audio that are encoded again in the next update
MAX_WINDOWS = 16  # sources whose windows are kept, 20 MB each (base, 10 s); with more, each is encoded whole
USUAL_CAPACITY = 640  # positions (12.8 s) for which memory is allocated, unless a window is longer


@dataclass(slots=True)
class _GrowingWindow:
    """The window of a source as it was encoded last.

    Attributes:
        encoder_kv: Keys and values for the encoder.
        cross_kv: Keys and values for the decoder.
        capacity: Most positions that it can have.
        audio: The audio of the window, (n,).
        stable: Number of positions that are kept, the first ones.
        peak: The highest level in them, as in ``LogMel.levels``.
        floor: The value of silence to which the window was clamped.
    """

    encoder_kv: EncoderKV
    cross_kv: CrossKV
    capacity: int
    audio: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    stable: int = 0
    peak: float = -np.inf
    floor: float = np.nan

    def continue_with(self, audio: Samples) -> None:
        """Replaces the audio; keeps nothing of the window if it does not begin with the audio so far."""
        if len(audio) < len(self.audio) or not np.array_equal(audio[: len(self.audio)], self.audio):
            self.stable, self.peak = 0, -np.inf
        self.audio = audio


class WindowEncoder:
    """Maps audio to what the decoder attends to: the window, and silence after it up to 30 s."""

    def __init__(self, network: Network, log_mel: LogMel, silent_contexts: SilentContexts) -> None:
        """Starts without windows.

        Args:
            network: The model.
            log_mel: Computes spectrograms.
            silent_contexts: Encodes silence.
        """
        self._dims, self._encoder, self._project_kv = network.dims, network.encoder, network.project_kv
        self._log_mel = log_mel
        self._silent_contexts = silent_contexts
        self._windows: dict[str, _GrowingWindow] = {}  # by source; the least recently used first

    def __call__(self, audio: Samples, length: int) -> CrossKV:
        """Encodes a window, and keeps nothing of it.

        Args:
            audio: Shape (n,), 16 kHz.
            length: Positions of the window, at least those of the audio; the others are silent.

        Returns:
            Keys and values for the decoder, in no more memory than necessary.
        """
        return finish(self.encode_in_steps(audio, length))

    def encode_in_steps(self, audio: Samples, length: int) -> Steps[CrossKV]:
        """Encodes a window in steps, so that what is more urgent need not wait; as ``__call__``."""
        levels = self._log_mel.levels(audio, 2 * length)
        silence = self._silent_contexts(nearest_floor(silence_value(float(levels.max()))))
        encoded = yield from self._encoder.encode_in_steps(scale(levels, silence.floor), silence.context)
        yield
        covered = silence.context.n_covered(length)
        cross_kv = CrossKV(self._dims, silence.kv.shape[3] - covered, levels.device, length)
        cross_kv.set_silence(silence.kv[:, :, :, covered:])
        cross_kv.set_window(self._project_kv(encoded), silence.context.attention_bias(length)[covered:])
        return cross_kv

    def encode_next(self, source: str, audio: Samples, length: int) -> CrossKV:
        """Encodes the window of a source: only its end, if it begins with the audio of the last one.

        Args:
            source: Name of the source.
            audio: Shape (n,), 16 kHz; must not be changed afterwards.
            length: As in ``__call__``.

        Returns:
            Keys and values for the decoder. The next call for this source overwrites them.
        """
        window = self._windows.pop(source, None)  # if this fails, it is not kept
        if window is None or length > window.capacity:
            window = self._make_window(USUAL_CAPACITY if length <= USUAL_CAPACITY else MAX_POSITIONS)
        window.continue_with(audio)
        levels, floor = self._find_levels(window, length)
        if window.stable and floor != window.floor:  # it has become louder: what is kept had a lower floor
            window.stable = 0
            levels, floor = self._find_levels(window, length)
        silence = self._silent_contexts(floor)
        if floor != window.floor:
            window.encoder_kv.set_silence(silence.context)
            window.cross_kv.set_silence(silence.kv)
            window.floor = floor
        encoded = self._encoder.encode_from(scale(levels, floor), window.stable, window.encoder_kv)
        bias = silence.context.attention_bias(length)
        window.cross_kv.set_window(self._project_kv(encoded), bias, window.stable)
        self._keep(source, window, levels)
        return window.cross_kv

    def forget(self, source: str) -> None:
        """Frees the memory of a source that is silent."""
        self._windows.pop(source, None)

    def _make_window(self, capacity: int) -> _GrowingWindow:
        n_silent, device = self._silent_contexts.n_positions, self._encoder.device
        encoder_kv = self._encoder.make_kv(capacity, n_silent)
        return _GrowingWindow(encoder_kv, CrossKV(self._dims, n_silent, device, capacity), capacity)

    def _find_levels(self, window: _GrowingWindow, length: int) -> tuple[torch.Tensor, float]:
        """Returns the levels that are needed to encode what is not kept, and the value of silence in the window."""
        levels = self._log_mel.levels(window.audio, 2 * length, first_frame(window.stable))
        return levels, nearest_floor(silence_value(max(window.peak, float(levels.max()))))

    def _keep(self, source: str, window: _GrowingWindow, levels: torch.Tensor) -> None:
        stable = max(window.stable, len(window.audio) // POSITION_SAMPLES - TAIL)
        if n_new := 2 * stable - first_frame(window.stable) if stable > window.stable else 0:
            window.peak = max(window.peak, float(levels[:, :n_new].max()))
            window.stable = stable
        self._windows[source] = window
        if len(self._windows) > MAX_WINDOWS:
            del self._windows[next(iter(self._windows))]  # the least recently used
