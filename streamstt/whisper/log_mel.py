"""Whisper's log-mel spectrogram, for windows of any length, on any device.

Source: Radford et al. 2022, section 2.2. The values equal those of ``WhisperFeatureExtractor`` of transformers, which
always pads the window to 30 s.
"""

import math

import torch
from torch.nn.functional import pad

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.whisper.mel_filters import mel_filters

N_FFT = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms; one frame
DYNAMIC_RANGE = 8.0  # powers of ten: values further below the maximum are clamped
MIN_POWER = 1e-10  # avoids log10(0)


class LogMel:
    """Computes the encoder's input from audio."""

    def __init__(self, n_mels: int, device: torch.device) -> None:
        """Builds the mel filters.

        Args:
            n_mels: Number of mel bins: 80, or 128 from large-v3 on.
            device: Where spectrograms are computed.
        """
        filters = mel_filters(n_mels, 1 + N_FFT // 2, SAMPLE_RATE)  # (n_mels, 201)
        self._filters = torch.from_numpy(filters).float().to(device)  # (n_mels, 201)
        self._window = torch.hann_window(N_FFT, device=device)

    def __call__(self, audio: Samples, n_frames: int) -> torch.Tensor:
        """Computes the spectrogram of ``audio``, padded with silence or cut to ``n_frames``.

        Args:
            audio: Shape (n,), 16 kHz.
            n_frames: Length of the result, in frames of 10 ms.

        Returns:
            Shape (n_mels, n_frames); its minimum is the value that silence has in this window.
        """
        levels = self.levels(audio, n_frames)
        return scale(levels, silence_value(float(levels.max())))

    def levels(self, audio: Samples, n_frames: int, first: int = 0) -> torch.Tensor:
        """Computes the logarithm of the power in each mel bin, of all frames or of the last ones.

        Args:
            audio: Shape (n,), 16 kHz; padded with silence or cut to ``n_frames``.
            n_frames: Frames of the window.
            first: The first frame that is computed.

        Returns:
            Shape (n_mels, n_frames - first), in powers of ten; pass it to ``scale``.
        """
        wave = torch.zeros(max(n_frames * HOP, N_FFT), device=self._window.device)
        samples = torch.from_numpy(audio)[: n_frames * HOP]
        wave[: len(samples)] = samples
        padded = pad(wave[None], (N_FFT // 2, N_FFT // 2), mode="reflect")[0]  # a frame reaches 12.5 ms to both sides
        part = padded[first * HOP :]
        spectrum = torch.stft(part, N_FFT, HOP, window=self._window, center=False, return_complex=True)
        power = self._filters @ spectrum[:, : n_frames - first].abs().square()  # (n_mels, n_frames - first)
        return power.clamp(min=MIN_POWER).log10()


def scale(levels: torch.Tensor, floor: float) -> torch.Tensor:
    """Maps levels to the encoder's scale, where they have at least the value of silence, ``floor``."""
    return ((levels + 4) / 4).clamp_(min=floor)


def silence_value(loudest: float) -> float:
    """Returns the value of silence on the encoder's scale, in a window whose highest level is ``loudest``."""
    return (max(loudest - DYNAMIC_RANGE, math.log10(MIN_POWER)) + 4) / 4
