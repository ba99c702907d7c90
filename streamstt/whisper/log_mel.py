"""Whisper's log-mel spectrogram, for windows of any length, on any device.

Source: Radford et al. 2022, section 2.2. The values equal those of ``WhisperFeatureExtractor`` of transformers, which
always pads the window to 30 s.
"""

import torch

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
        wave = torch.zeros(max(n_frames * HOP, N_FFT), device=self._window.device)
        samples = torch.from_numpy(audio)[: n_frames * HOP]
        wave[: len(samples)] = samples
        spectrum = torch.stft(wave, N_FFT, HOP, window=self._window, return_complex=True)
        power = self._filters @ spectrum[:, :n_frames].abs().square()  # (n_mels, n_frames)
        log_power = power.clamp(min=MIN_POWER).log10()
        return (log_power.clamp(min=float(log_power.max()) - DYNAMIC_RANGE) + 4) / 4


def silence_value(loudest: float) -> float:
    """Returns the value of silence in a spectrogram whose maximum is ``loudest``; both on the encoder's scale."""
    return loudest - DYNAMIC_RANGE / 4
