"""Log-mel spectrogram, as Whisper hears: windows of any length, on any device.

Source: Radford et al. 2022, section 2.2, and ``WhisperFeatureExtractor`` of transformers, whose numbers these
are; there the window is always 30 s.
"""

import torch
from transformers.audio_utils import mel_filter_bank

from streamstt.audio.format import SAMPLE_RATE, Samples

N_FFT = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms; one column
DYNAMIC_RANGE = 8.0  # powers of ten: what lies further below the loudest point is raised to there
MIN_POWER = 1e-10  # power


class LogMel:
    """Turns audio into what the encoder takes."""

    def __init__(self, n_mels: int, device: torch.device) -> None:
        """Makes the filters.

        Args:
            n_mels: Mel bins: 80, or 128 from large-v3 on.
            device: Where the results are wanted.
        """
        bank = mel_filter_bank(1 + N_FFT // 2, n_mels, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, "slaney", "slaney")
        self._filters = torch.from_numpy(bank.T).float().contiguous().to(device)  # (n_mels, 201)
        self._window = torch.hann_window(N_FFT, device=device)

    def __call__(self, audio: Samples, n_frames: int) -> torch.Tensor:
        """The spectrogram of ``audio``, with silence behind it up to ``n_frames``.

        Args:
            audio: Shape (n,), 16 kHz; what does not fit is left out.
            n_frames: Each 10 ms.

        Returns:
            Shape (n_mels, columns); its least value is the floor that silence has in this window.
        """
        wave = torch.zeros(max(n_frames * HOP, N_FFT), device=self._window.device)
        heard = torch.from_numpy(audio)[: n_frames * HOP]
        wave[: len(heard)] = heard
        spectrum = torch.stft(wave, N_FFT, HOP, window=self._window, return_complex=True)[:, :n_frames]
        power = self._filters @ spectrum.abs().square()  # (n_mels, columns)
        decades = power.clamp(min=MIN_POWER).log10()
        return (decades.clamp(min=float(decades.max()) - DYNAMIC_RANGE) + 4) / 4


def silence_value(loudest: float) -> float:
    """The value that silence has in a window whose loudest point is ``loudest``, both in the encoder's scale."""
    return loudest - DYNAMIC_RANGE / 4
