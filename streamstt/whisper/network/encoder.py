"""The encoder, written for streaming: windows of any length, with the silence behind them.

Source: Radford et al. 2022. Letters in shapes: T positions (20 ms) of the window, D width, H heads, S
positions of silence.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import conv1d, gelu

from streamstt.whisper.network.attention import attend_full
from streamstt.whisper.network.layers import MAX_POSITIONS, KeyValue, LayerBuilder, ModelDimensions, WeightSource
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.precision import PrecisionPlan

STRIDE = 16  # of so many silent positions one stands for all: a quarter of the decoder's time, the same words
FEED_FORWARD_ROWS = (
    256  # positions that go through a feed-forward at once: what lies between its two products stays in the cache
)


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
        """Hears x, shape (T, D), with keys and values of what lies ``behind`` it; gives those of x too. Uses x up."""
        qkv = self._qkv(self._norm1(x))  # (T, 3 D)
        q, k, v = qkv.view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # each (H, T, D/H)
        keys, values = (torch.cat([b, o], dim=1) for b, o in zip(past_kv, (k, v), strict=True)) if past_kv else (k, v)
        seen = attend_full(q, keys, values, bias, use_bf16=self._use_bf16)  # (H, T, D/H)
        x += self._out(seen.transpose(0, 1).reshape(x.shape))  # in place: these are megabytes
        for rows in torch.split(x, FEED_FORWARD_ROWS):
            rows.add_(self._down(gelu(self._up(self._norm2(rows)))))
        return x, (k, v)


@dataclass(frozen=True, slots=True)
class SilentContext:
    """The silence that follows a window, up to 30 s: of every ``STRIDE`` positions one stands for all.

    Attributes:
        positions: Which positions, shape (S,).
        layer_kv: Keys and values in each encoder layer, each (H, S, D/H).
        encoded: What the encoder makes of it, shape (S, D).
    """

    positions: torch.Tensor
    layer_kv: tuple[KeyValue, ...]
    encoded: torch.Tensor

    def n_covered(self, length: int) -> int:
        """How many of its positions, the first ones, a window of ``length`` positions hides: it has them itself."""
        return int(torch.searchsorted(self.positions, length))

    def attention_bias(self, length: int) -> torch.Tensor:
        """What to add to attention scores, shape (S + length,), when a window of ``length`` positions comes after."""
        counted = torch.where(self.positions >= length, math.log(STRIDE), -torch.inf)  # the window hides its own places
        return torch.cat([counted, torch.zeros(length, device=counted.device)])


class Encoder:
    """Hears a window."""

    def __init__(
        self, weights: WeightSource, dims: ModelDimensions, formats: PrecisionPlan, device: torch.device
    ) -> None:
        """Takes its part of the weights.

        Args:
            weights: Of the whole model.
            dims: Its sizes.
            formats: What is left of float beside 8 bits may be in 16: their error is much the smaller one.
            device: Where it runs.
        """
        precision, beside = formats.encoder, formats.encoder_float
        make = LayerBuilder(weights, dims.width, precision, device)
        halve = device.type == "cpu" and Precision.BFLOAT16 in {precision, beside}
        dtype = getattr(torch, (beside if precision is Precision.INT8 else precision).value)
        d = dims.width
        self._conv1 = make.tensor("encoder.conv1.weight", d, dims.n_mels, 3).to(dtype)
        self._bias1 = make.tensor("encoder.conv1.bias", d).to(dtype)
        self._conv2 = make.tensor("encoder.conv2.weight", d, d, 3).to(dtype)
        self._bias2 = make.tensor("encoder.conv2.bias", d).to(dtype)
        self._positions = make.tensor("encoder.embed_positions.weight", MAX_POSITIONS, d).float()
        # Half of what 8 bits cost comes from the first attention, whose input is not yet normalised by other layers.
        exact = LayerBuilder(weights, d, beside, device) if precision is Precision.INT8 else make
        self._layers = [
            _EncoderLayer(make, make if i else exact, f"encoder.layers.{i}", dims.encoder_heads, use_bf16=halve)
            for i in range(dims.encoder_layers)
        ]
        self._norm = make.norm("encoder.layer_norm")

    def __call__(self, mel: torch.Tensor, silent_context: SilentContext | None = None) -> torch.Tensor:
        """Encodes a window.

        Args:
            mel: Shape (n_mels, 2 T), from ``LogMel``.
            silent_context: What follows it; Whisper was trained on 30 s, and hears worse when there is nothing.

        Returns:
            Shape (T, D), float32.
        """
        x = self._embed(mel)
        x = x + self._positions[: len(x)]  # (T, D)
        behind: list[KeyValue | None] = [None] * len(self._layers)
        bias = None
        if silent_context:
            hidden = silent_context.n_covered(len(x))
            behind = [(k[:, hidden:], v[:, hidden:]) for k, v in silent_context.layer_kv]
            bias = silent_context.attention_bias(0)[hidden:]
        for layer, pair in zip(self._layers, behind, strict=True):
            x, _ = layer(x, pair, bias)
        return self._norm(x)

    def encode_silence(self, lead_in: torch.Tensor, floor: float) -> SilentContext:
        """Encodes the silence after a little speech, which it is not the same without.

        Args:
            lead_in: Spectrogram of the speech, shape (n_mels, 2 n); windows must be longer.
            floor: The value that silence has.
        """
        n = lead_in.shape[1] // 2
        x = self._embed(
            torch.cat([lead_in, torch.full((len(lead_in), 16), floor, device=lead_in.device)], dim=1)
        )  # (n + 8, D)
        places = torch.arange(n + STRIDE // 2, MAX_POSITIONS, STRIDE, device=lead_in.device)  # (S,)
        x = torch.cat([x[:n] + self._positions[:n], x[n + 4] + self._positions[places]])  # (n + S, D)
        bias = torch.zeros(len(x), device=lead_in.device)
        bias[n:] = math.log(STRIDE)
        layers = []
        for layer in self._layers:
            x, (k, v) = layer(x, None, bias)
            layers.append((k[:, n:].contiguous(), v[:, n:].contiguous()))
        return SilentContext(places, tuple(layers), self._norm(x[n:]))

    def _embed(self, mel: torch.Tensor) -> torch.Tensor:
        """(n_mels, 2 T) to (T, D), places not yet added."""
        x = mel[None].to(self._conv1.dtype)  # (1, n_mels, 2 T)
        x = gelu(conv1d(x, self._conv1, self._bias1, padding=1))  # (1, D, 2 T)
        x = gelu(conv1d(x, self._conv2, self._bias2, stride=2, padding=1))  # (1, D, T)
        return x[0].T.float().contiguous()  # rows side by side, or all that is done with them is slow
