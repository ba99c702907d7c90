"""Whisper's encoder, written for streaming: it takes windows of any length, followed by silence encoded beforehand.

Source: Radford et al. 2022. Letters in shapes: T positions (20 ms) of the window, D width, H heads, S positions of
silence.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import conv1d, gelu

from streamstt.whisper.network.attention import attend_full
from streamstt.whisper.network.layers import MAX_POSITIONS, KeyValue, LayerBuilder, ModelDimensions, WeightSource
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.precision import PrecisionPlan

STRIDE = 16  # one of 16 silent positions is kept and weighted 16 times: a quarter of the decoder's time, same words
FEED_FORWARD_ROWS = 256  # positions per feed-forward pass, so that its intermediate results stay in the cache


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
        self, x: torch.Tensor, past_kv: KeyValue | None, bias: torch.Tensor | None
    ) -> tuple[torch.Tensor, KeyValue]:
        """Runs the layer.

        Args:
            x: Hidden states, (T, D); overwritten.
            past_kv: Keys and values of the silence after x, each (H, S, D/H), or None.
            bias: Added to the scores of the first keys, or None.

        Returns:
            The new hidden states, (T, D), and the keys and values of x, each (H, T, D/H).
        """
        qkv = self._qkv(self._norm1(x))  # (T, 3 D)
        q, k, v = qkv.view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # each (H, T, D/H)
        keys, values = k, v
        if past_kv:
            keys, values = torch.cat([past_kv[0], k], dim=1), torch.cat([past_kv[1], v], dim=1)  # each (H, S + T, D/H)
        output = attend_full(q, keys, values, bias, use_bf16=self._use_bf16)  # (H, T, D/H)
        x += self._out(output.transpose(0, 1).reshape(x.shape))  # (T, D); in place: it takes megabytes
        for rows in torch.split(x, FEED_FORWARD_ROWS):
            rows.add_(self._down(gelu(self._up(self._norm2(rows)))))
        return x, (k, v)


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


class Encoder:
    """The encoder with its weights: maps spectrograms of windows to hidden states."""

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

    def __call__(self, mel: torch.Tensor, silent_context: SilentContext | None = None) -> torch.Tensor:
        """Encodes a window.

        Args:
            mel: Shape (n_mels, 2 T), from ``LogMel``.
            silent_context: The silence after it. Without one the encoder is less accurate: it was trained on 30 s.

        Returns:
            Shape (T, D), float32.
        """
        x = self._embed(mel)
        x = x + self._positions[: len(x)]  # (T, D)
        past_kv: list[KeyValue | None] = [None] * len(self._layers)
        bias = None
        if silent_context:
            covered = silent_context.n_covered(len(x))
            past_kv = [(k[:, covered:], v[:, covered:]) for k, v in silent_context.layer_kv]
            bias = silent_context.attention_bias(0)[covered:]
        for layer, layer_kv in zip(self._layers, past_kv, strict=True):
            x, _ = layer(x, layer_kv, bias)
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
        positions = torch.arange(n + STRIDE // 2, MAX_POSITIONS, STRIDE, device=lead_in.device)  # (S,)
        x = torch.cat([x[:n] + self._positions[:n], x[n + 4] + self._positions[positions]])  # (n + S, D)
        bias = torch.zeros(len(x), device=lead_in.device)
        bias[n:] = math.log(STRIDE)
        layers = []
        for layer in self._layers:
            x, (k, v) = layer(x, None, bias)
            layers.append((k[:, n:].contiguous(), v[:, n:].contiguous()))
        return SilentContext(positions, tuple(layers), self._norm(x[n:]))

    def _embed(self, mel: torch.Tensor) -> torch.Tensor:
        """Maps (n_mels, 2 T) to (T, D), without position embeddings."""
        x = mel[None].to(self._conv1.dtype)  # (1, n_mels, 2 T)
        x = gelu(conv1d(x, self._conv1, self._bias1, padding=1))  # (1, D, 2 T)
        x = gelu(conv1d(x, self._conv2, self._bias2, stride=2, padding=1))  # (1, D, T)
        return x[0].T.float().contiguous()  # (T, D); contiguous rows, or everything after this is slow
