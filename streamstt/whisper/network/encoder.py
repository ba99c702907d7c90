"""Whisper's encoder, written for streaming: it takes windows of any length, followed by silence encoded beforehand.

Source: Radford et al. 2022. Letters in shapes: T positions (20 ms) of the window, D width, H heads, S positions of
silence.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.nn.functional import conv1d, gelu

from streamstt.whisper.network.attention import attend_full
from streamstt.whisper.network.layers import MAX_POSITIONS, KeyValue, LayerBuilder, ModelDimensions, WeightSource
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.precision import PrecisionPlan

STRIDE = 16  # one of 16 silent positions is kept and weighted 16 times: a quarter of the decoder's time, same words
FEED_FORWARD_ROWS = 256  # positions per feed-forward pass, so that its intermediate results stay in the cache


Result = TypeVar("Result")
Steps = Generator[None, None, Result]
"""Work that is done in steps of some ten milliseconds; what it yields means nothing."""


def finish(steps: Steps[Result]) -> Result:
    """Does all steps of some work, and returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


class _EncoderLayer:
    def __init__(
        self, builder: LayerBuilder, attention_builder: LayerBuilder, name: str, heads: int, *, use_bf16: bool
    ) -> None:
        self._heads = heads
        self._use_bf16 = use_bf16
        self._norm1 = builder.norm(f"{name}.self_attn_layer_norm")
        self._qkv, self._out = attention_builder.self_attention(name)
        self._norm2 = builder.norm(f"{name}.final_layer_norm")
        self._up, self._down = builder.feed_forward(name)

    def __call__(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """Runs the layer on the last positions of a window.

        Args:
            x: Hidden states, (T, D); overwritten.
            keys: Keys of the silence and of the window, (H, S + window, D/H); the last T are written here.
            values: Values, likewise.
            bias: Added to the scores of the first keys, or None.

        Returns:
            The new hidden states, (T, D).
        """
        qkv = self._qkv(self._norm1(x))  # (T, 3 D)
        q, k, v = qkv.view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # each (H, T, D/H)
        keys[:, -len(x) :], values[:, -len(x) :] = k, v
        output = attend_full(q, keys, values, bias, use_bf16=self._use_bf16)  # (H, T, D/H)
        x += self._out(output.transpose(0, 1).reshape(x.shape))  # (T, D); in place: it takes megabytes
        for rows in torch.split(x, FEED_FORWARD_ROWS):
            rows.add_(self._down(gelu(self._up(self._norm2(rows)))))
        return x


@dataclass(frozen=True, slots=True)
class SilentContext:
    """The encoded silence after a window, up to 30 s, thinned: one of ``STRIDE`` positions represents them all.

    Attributes:
        positions: The positions that are kept, shape (S,), ascending.
        layer_kv: Keys and values in each encoder layer, each (H, S, D/H).
        encoded: Output of the encoder, shape (S, D).
    """

    positions: torch.Tensor
    layer_kv: tuple[KeyValue, ...]
    encoded: torch.Tensor

    def n_covered(self, length: int) -> int:
        """Returns how many of the kept positions, the first ones, lie within a window of ``length`` positions."""
        return int(torch.searchsorted(self.positions, length))

    def attention_bias(self, length: int) -> torch.Tensor:
        """Returns the bias of attention scores for keys of the silence, then of the window, shape (S + length,).

        A silent position counts ``STRIDE`` times, or not at all where the window has audio.

        Args:
            length: Positions of the window.
        """
        of_silence = torch.where(self.positions >= length, math.log(STRIDE), -torch.inf)  # (S,)
        return torch.cat([of_silence, torch.zeros(length, device=of_silence.device)])


class EncoderKV:
    """Keys and values of a window in each encoder layer, after those of the silence that follows it.

    Attention does not depend on their order, because each position is encoded in its own key.

    Attributes:
        n_silent: Positions of the silence.
    """

    def __init__(self, keys: torch.Tensor, n_silent: int) -> None:
        """Starts with silence to be set, and without a window.

        Args:
            keys: Memory for the keys, (L, H, n_silent + most positions of a window, D/H).
            n_silent: Positions of silence; may be 0.
        """
        self._keys = keys
        self._values = torch.empty_like(keys)
        self.n_silent = n_silent
        self._silence: SilentContext | None = None

    def set_silence(self, silence: "SilentContext") -> None:
        """Writes the silence that follows the window."""
        for i, (keys, values) in enumerate(silence.layer_kv):
            self._keys[i, :, : self.n_silent], self._values[i, :, : self.n_silent] = keys, values
        self._silence = silence

    def layers(self, length: int) -> tuple[list[KeyValue], torch.Tensor | None]:
        """Returns what a window of ``length`` positions attends to.

        Returns:
            Keys and values of each layer, (H, S + length, D/H), and the bias of the first scores, (S,), or None.
        """
        covered = self._silence.n_covered(length) if self._silence else 0
        bias = self._silence.attention_bias(0)[covered:] if self._silence else None
        part = slice(covered, self.n_silent + length)
        return list(zip(self._keys[:, :, part], self._values[:, :, part], strict=True)), bias


def silent_positions(lead_in: torch.Tensor) -> torch.Tensor:
    """Returns the positions of the silence after some speech that are kept, ascending, shape (S,).

    Args:
        lead_in: Spectrogram of the speech, shape (n_mels, 2 n).
    """
    return torch.arange(lead_in.shape[1] // 2 + STRIDE // 2, MAX_POSITIONS, STRIDE, device=lead_in.device)


def first_frame(position: int) -> int:
    """Returns the first frame of the spectrogram that is needed to encode from ``position`` on."""
    return max(0, 2 * position - 2)  # the convolutions reach two frames to the left


class Encoder:
    """The encoder with its weights: maps spectrograms of windows to hidden states.

    Attributes:
        device: Where it runs.
    """

    def __init__(
        self, weights: WeightSource, dims: ModelDimensions, formats: PrecisionPlan, device: torch.device
    ) -> None:
        """Loads the encoder's weights.

        Args:
            weights: The checkpoint's tensors.
            dims: Sizes of the model.
            formats: Number formats; with 8-bit layers the remaining floats may have 16 bits, a much smaller error.
            device: Where it runs.
        """
        precision, encoder_float = formats.encoder, formats.encoder_float
        builder = LayerBuilder(weights, dims.width, precision, device)
        use_bf16 = device.type == "cpu" and Precision.BFLOAT16 in {precision, encoder_float}
        dtype = getattr(torch, (encoder_float if precision is Precision.INT8 else precision).value)
        d = dims.width
        self._conv1 = builder.tensor("encoder.conv1.weight", d, dims.n_mels, 3).to(dtype)
        self._bias1 = builder.tensor("encoder.conv1.bias", d).to(dtype)
        self._conv2 = builder.tensor("encoder.conv2.weight", d, d, 3).to(dtype)
        self._bias2 = builder.tensor("encoder.conv2.bias", d).to(dtype)
        self._positions = builder.tensor("encoder.embed_positions.weight", MAX_POSITIONS, d).float()
        # Half of the error of 8 bits comes from the first attention, whose input no layer has normalized yet.
        first = LayerBuilder(weights, d, encoder_float, device) if precision is Precision.INT8 else builder
        self._layers = [
            _EncoderLayer(
                builder, builder if i else first, f"encoder.layers.{i}", dims.encoder_heads, use_bf16=use_bf16
            )
            for i in range(dims.encoder_layers)
        ]
        self._norm = builder.norm("encoder.layer_norm")
        self.device = device
        self._width, self._heads = d, dims.encoder_heads
        self._kv_dtype = torch.bfloat16 if use_bf16 else torch.float32 if precision is Precision.INT8 else dtype

    def make_kv(self, max_window: int = MAX_POSITIONS, n_silent: int = 0) -> EncoderKV:
        """Allocates keys and values for windows of up to ``max_window`` positions; memory is taken as it is filled."""
        shape = len(self._layers), self._heads, n_silent + max_window, self._width // self._heads
        return EncoderKV(torch.empty(shape, dtype=self._kv_dtype, device=self.device), n_silent)

    def __call__(self, mel: torch.Tensor, silent_context: SilentContext | None = None) -> torch.Tensor:
        """Encodes a window.

        Args:
            mel: Shape (n_mels, 2 T), from ``LogMel``.
            silent_context: The silence after it. Without one the encoder is less accurate: it was trained on 30 s.

        Returns:
            Shape (T, D), float32.
        """
        return finish(self.encode_in_steps(mel, silent_context))

    def encode_in_steps(self, mel: torch.Tensor, silent_context: SilentContext | None = None) -> Steps[torch.Tensor]:
        """Encodes a window layer by layer, so that what is more urgent need not wait; as ``__call__``."""
        kv = self.make_kv(mel.shape[1] // 2, len(silent_context.positions) if silent_context else 0)
        if silent_context:
            kv.set_silence(silent_context)
        x = self._embed(mel)
        x = x + self._positions[: len(x)]  # (T, D)
        layers_kv, bias = kv.layers(len(x))
        for layer, layer_kv in zip(self._layers, layers_kv, strict=True):
            yield
            x = layer(x, *layer_kv, bias)
        return self._norm(x)

    def encode_from(self, mel: torch.Tensor, first: int, kv: EncoderKV) -> torch.Tensor:
        """Encodes the end of a window whose earlier positions have been encoded.

        Args:
            mel: Spectrogram from ``first_frame(first)`` to the end of the window.
            first: The first position that is encoded. Earlier ones stay as they were encoded when less audio was
                known.
            kv: Keys and values of the window before ``first``; those from there on are overwritten.

        Returns:
            Shape (T - first, D), float32.
        """
        x = self._embed(mel)[1 if first else 0 :]  # the position before was only needed by its neighbour
        end = first + len(x)
        x = x + self._positions[first:end]  # (T - first, D)
        layers_kv, bias = kv.layers(end)
        for layer, layer_kv in zip(self._layers, layers_kv, strict=True):
            x = layer(x, *layer_kv, bias)
        return self._norm(x)

    def encode_silence(self, lead_in: torch.Tensor, floor: float) -> SilentContext:
        """Encodes silence that follows some speech; silence alone is encoded differently.

        Args:
            lead_in: Spectrogram of the speech, shape (n_mels, 2 n); windows must be longer.
            floor: Value of silence in the spectrogram.
        """
        n = lead_in.shape[1] // 2
        silence = torch.full((len(lead_in), 16), floor, device=lead_in.device)  # (n_mels, 16)
        x = self._embed(torch.cat([lead_in, silence], dim=1))  # (n + 8, D)
        positions = silent_positions(lead_in)  # (S,)
        x = torch.cat([x[:n] + self._positions[:n], x[n + 4] + self._positions[positions]])  # (n + S, D)
        bias = torch.zeros(len(x), device=lead_in.device)
        bias[n:] = math.log(STRIDE)
        layers_kv, _ = self.make_kv(len(x)).layers(len(x))
        for layer, layer_kv in zip(self._layers, layers_kv, strict=True):
            x = layer(x, *layer_kv, bias)
        kept = tuple((k[:, n:].clone(), v[:, n:].clone()) for k, v in layers_kv)
        return SilentContext(positions, kept, self._norm(x[n:]))

    def _embed(self, mel: torch.Tensor) -> torch.Tensor:
        """Maps (n_mels, 2 T) to (T, D), without position embeddings."""
        x = mel[None].to(self._conv1.dtype)  # (1, n_mels, 2 T)
        x = gelu(conv1d(x, self._conv1, self._bias1, padding=1))  # (1, D, 2 T)
        x = gelu(conv1d(x, self._conv2, self._bias2, stride=2, padding=1))  # (1, D, T)
        return x[0].T.float().contiguous()  # (T, D); contiguous rows, or everything after this is slow
