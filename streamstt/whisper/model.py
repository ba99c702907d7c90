"""Whisper's forward pass, written for streaming: any window, several tokens at once, alignment out.

Source: Radford et al. 2022; the names of the weights are transformers'. Letters in shapes: T encoder positions (20 ms),
D width, H heads, L decoder layers, n tokens in this pass, p tokens before it, S positions in memory, V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import conv1d, gelu, layer_norm, scaled_dot_product_attention

from streamstt.errors import ModelError
from streamstt.whisper.linear import Linear, Precision, make_linear
from streamstt.whisper.weights import Weights

POSITIONS = 1500  # of the encoder: 30 s
STRIDE = 8  # of eight silent positions one stands for all: a quarter of the decoder's time, the same words

Pair = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (heads, positions, size)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Whisper; names as in transformers' configuration, where there are two of a kind."""

    width: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    n_mels: int
    vocabulary: int
    max_tokens: int

    @classmethod
    def read(cls, config: dict[str, Any]) -> "Shape":
        """Takes the sizes from config.json.

        Raises:
            ModelError: It lacks one, or describes a Whisper that is built in another way.
        """
        try:
            shape = cls(
                width=int(config["d_model"]),
                encoder_layers=int(config["encoder_layers"]),
                decoder_layers=int(config["decoder_layers"]),
                encoder_heads=int(config["encoder_attention_heads"]),
                decoder_heads=int(config["decoder_attention_heads"]),
                n_mels=int(config.get("num_mel_bins", 80)),
                vocabulary=int(config["vocab_size"]),
                max_tokens=int(config.get("max_target_positions", 448)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"config.json does not describe a Whisper: {error!r}") from error
        usual = {"activation_function": "gelu", "scale_embedding": False, "max_source_positions": POSITIONS}
        for key, value in usual.items():
            if config.get(key, value) != value:
                raise ModelError(f"a Whisper with {key} = {config[key]!r} is not supported, only {value!r}")
        return shape


class _Norm:
    """Layer normalisation."""

    def __init__(self, weights: Weights, name: str, width: int, device: torch.device) -> None:
        self._weight = weights.get(f"{name}.weight", width).float().to(device)
        self._bias = weights.get(f"{name}.bias", width).float().to(device)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return layer_norm(x, self._weight.shape, self._weight, self._bias)


class _Builder:
    """Makes the parts of one side of the model, in its precision."""

    def __init__(self, weights: Weights, width: int, precision: Precision, device: torch.device) -> None:
        self._weights = weights
        self._width = width
        self._precision = precision
        self._device = device

    def norm(self, name: str) -> _Norm:
        return _Norm(self._weights, name, self._width, self._device)

    def linear(self, *names: str, outputs: int = 0, inputs: int = 0) -> Linear:
        """One linear of the given ones, side by side; that of the keys has no bias."""
        outputs, inputs = outputs or self._width, inputs or self._width
        weight = torch.cat([self._weights.get(f"{name}.weight", outputs, inputs) for name in names])
        biases = [
            torch.zeros(outputs) if name.endswith("k_proj") else self._weights.get(f"{name}.bias", outputs)
            for name in names
        ]
        return make_linear(weight.to(self._device), torch.cat(biases).to(self._device), self._precision)

    def self_attention(self, name: str) -> tuple[Linear, Linear]:
        attention = f"{name}.self_attn"
        return self.linear(*(f"{attention}.{p}_proj" for p in "qkv")), self.linear(f"{attention}.out_proj")

    def feed_forward(self, name: str) -> tuple[Linear, Linear]:
        inner = 4 * self._width
        return self.linear(f"{name}.fc1", outputs=inner), self.linear(f"{name}.fc2", inputs=inner)

    def tensor(self, name: str, *shape: int) -> torch.Tensor:
        return self._weights.get(name, *shape).to(self._device)


class _EncoderLayer:
    def __init__(self, make: _Builder, name: str, heads: int) -> None:
        self._heads = heads
        self._norm1 = make.norm(f"{name}.self_attn_layer_norm")
        self._qkv, self._out = make.self_attention(name)
        self._norm2 = make.norm(f"{name}.final_layer_norm")
        self._up, self._down = make.feed_forward(name)

    def __call__(self, x: torch.Tensor, behind: Pair | None, bias: torch.Tensor | None) -> tuple[torch.Tensor, Pair]:
        """Hears x, shape (T, D), with keys and values of what lies ``behind`` it; gives those of x too."""
        qkv = self._qkv(self._norm1(x))  # (T, 3 D)
        q, k, v = qkv.view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # each (H, T, D/H)
        keys, values = (torch.cat([b, o], dim=1) for b, o in zip(behind, (k, v), strict=True)) if behind else (k, v)
        mask = None if bias is None else bias.to(q.dtype)[None, None, None]  # (1, 1, 1, S)
        seen = scaled_dot_product_attention(q[None], keys[None], values[None], attn_mask=mask)[0]  # (H, T, D/H)
        x = x + self._out(seen.transpose(0, 1).reshape(x.shape))
        return x + self._down(gelu(self._up(self._norm2(x)))), (k, v)


@dataclass(frozen=True, slots=True)
class Silence:
    """The silence that follows a window, up to 30 s: of every ``STRIDE`` positions one stands for all.

    Attributes:
        places: Which positions, shape (S,).
        layers: Keys and values in each encoder layer, each (H, S, D/H).
        heard: What the encoder makes of it, shape (S, D).
    """

    places: torch.Tensor
    layers: tuple[Pair, ...]
    heard: torch.Tensor

    def bias(self, length: int) -> torch.Tensor:
        """What to add to attention scores, shape (S + length,), when a window of ``length`` positions comes after."""
        counted = torch.where(self.places >= length, math.log(STRIDE), -torch.inf)  # the window hides its own places
        return torch.cat([counted, torch.zeros(length, device=counted.device)])


class Encoder:
    """Hears a window."""

    def __init__(self, weights: Weights, shape: Shape, precision: Precision, device: torch.device) -> None:
        make = _Builder(weights, shape.width, precision, device)
        dtype = torch.float32 if precision is Precision.INT8 else getattr(torch, precision.value)
        d = shape.width
        self._conv1 = make.tensor("encoder.conv1.weight", d, shape.n_mels, 3).to(dtype)
        self._bias1 = make.tensor("encoder.conv1.bias", d).to(dtype)
        self._conv2 = make.tensor("encoder.conv2.weight", d, d, 3).to(dtype)
        self._bias2 = make.tensor("encoder.conv2.bias", d).to(dtype)
        self._places = make.tensor("encoder.embed_positions.weight", POSITIONS, d).float()
        # Three quarters of what 8 bits cost come from the first layer, whose input is not yet normalised by others.
        exact = _Builder(weights, d, Precision.FLOAT32, device) if precision is Precision.INT8 else make
        self._layers = [
            _EncoderLayer(make if i else exact, f"encoder.layers.{i}", shape.encoder_heads)
            for i in range(shape.encoder_layers)
        ]
        self._norm = make.norm("encoder.layer_norm")

    def __call__(self, mel: torch.Tensor, silence: Silence | None = None) -> torch.Tensor:
        """Encodes a window.

        Args:
            mel: Shape (n_mels, 2 T), from ``LogMel``.
            silence: What follows it; Whisper was trained on 30 s, and hears worse when there is nothing.

        Returns:
            Shape (T, D), float32.
        """
        x = self._embed(mel)
        x = x + self._places[: len(x)]  # (T, D)
        bias = silence.bias(len(x)) if silence else None
        for i, layer in enumerate(self._layers):
            x, _ = layer(x, silence.layers[i] if silence else None, bias)
        return self._norm(x)

    def silence(self, lead: torch.Tensor, floor: float) -> Silence:
        """Encodes the silence after a little speech, which it is not the same without.

        Args:
            lead: Spectrogram of the speech, shape (n_mels, 2 n); windows must be longer.
            floor: The value that silence has.
        """
        n = lead.shape[1] // 2
        x = self._embed(torch.cat([lead, torch.full((len(lead), 16), floor, device=lead.device)], dim=1))  # (n + 8, D)
        places = torch.arange(n + STRIDE // 2, POSITIONS, STRIDE, device=lead.device)  # (S,)
        x = torch.cat([x[:n] + self._places[:n], x[n + 4] + self._places[places]])  # (n + S, D)
        bias = torch.zeros(len(x), device=lead.device)
        bias[n:] = math.log(STRIDE)
        layers = []
        for layer in self._layers:
            x, (k, v) = layer(x, None, bias)
            layers.append((k[:, n:].contiguous(), v[:, n:].contiguous()))
        return Silence(places, tuple(layers), self._norm(x[n:]))

    def _embed(self, mel: torch.Tensor) -> torch.Tensor:
        """(n_mels, 2 T) to (T, D), places not yet added."""
        x = mel[None].to(self._conv1.dtype)  # (1, n_mels, 2 T)
        x = gelu(conv1d(x, self._conv1, self._bias1, padding=1))  # (1, D, 2 T)
        x = gelu(conv1d(x, self._conv2, self._bias2, stride=2, padding=1))  # (1, D, T)
        return x[0].T.float()


class Memory:
    """What the decoder looks at: keys and values of the window, behind those of the silence that follows it.

    The order of positions means nothing to attention, for each carries its place in itself. So the silence, which is
    the same for many windows, stands first and stays; a window is written behind it.
    """

    def __init__(self, shape: Shape, silent: int, device: torch.device) -> None:
        """Makes room.

        Args:
            shape: Sizes of the model.
            silent: How many positions of silence there are; may be none.
            device: Where the model runs.
        """
        heads, size = shape.decoder_heads, shape.width // shape.decoder_heads
        room = silent + POSITIONS
        self._kv = torch.zeros(shape.decoder_layers, 2, heads, room, size, device=device)  # (L, 2, H, S, D/H)
        self._bias = torch.zeros(room, device=device)
        self.silent = silent
        self.end = silent

    def put_silence(self, kv: torch.Tensor) -> None:
        """Takes keys and values of the silence, shape (L, 2, H, silent, D/H)."""
        self._kv[:, :, :, : self.silent] = kv

    def put_window(self, kv: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """Takes keys and values of the window, shape (L, 2, H, T, D/H), and ``Silence.bias`` of its length."""
        self.end = self.silent + kv.shape[3]
        self._kv[:, :, :, self.silent : self.end] = kv
        if bias is not None:
            self._bias = bias

    def layer(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, each (H, S, D/H), and what to add to the scores, (S,)."""
        k, v = self._kv[i, :, :, : self.end]
        return k, v, self._bias[: self.end]


class _DecoderLayer:
    def __init__(self, make: _Builder, name: str, shape: Shape, cache: torch.Tensor, watched: list[int]) -> None:
        self._heads = shape.decoder_heads
        self._watched = watched
        self._cache = cache  # (2, H, max_tokens, D/H)
        self._norm1 = make.norm(f"{name}.self_attn_layer_norm")
        self._qkv, self._out1 = make.self_attention(name)
        self._norm2 = make.norm(f"{name}.encoder_attn_layer_norm")
        self._q, self._out2 = make.linear(f"{name}.encoder_attn.q_proj"), make.linear(f"{name}.encoder_attn.out_proj")
        self._norm3 = make.norm(f"{name}.final_layer_norm")
        self._up, self._down = make.feed_forward(name)

    def __call__(
        self,
        x: torch.Tensor,
        past: int,
        mask: torch.Tensor | None,
        memory: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        n = len(x)
        qkv = self._qkv(self._norm1(x)).float()  # (n, 3 D)
        q, k, v = qkv.view(n, 3, self._heads, -1).permute(1, 2, 0, 3)  # each (H, n, D/H)
        self._cache[0, :, past : past + n] = k
        self._cache[1, :, past : past + n] = v
        keys, values = self._cache[:, None, :, : past + n]  # each (1, H, p + n, D/H)
        seen = scaled_dot_product_attention(q[None], keys, values, attn_mask=mask)[0]  # (H, n, D/H)
        x = x + self._out1(seen.transpose(0, 1).reshape(x.shape))

        q = self._q(self._norm2(x)).float().view(n, self._heads, -1).transpose(0, 1)  # (H, n, D/H)
        keys, values, bias = memory
        watched = None
        if self._watched:
            scores = q[self._watched] @ keys[self._watched].transpose(1, 2) * q.shape[-1] ** -0.5  # (A, n, S)
            watched = (scores + bias).softmax(-1)  # (A, n, S)
        seen = scaled_dot_product_attention(q[None], keys[None], values[None], attn_mask=bias[None, None, None])[0]
        x = x + self._out2(seen.transpose(0, 1).reshape(x.shape))
        return x + self._down(gelu(self._up(self._norm3(x)))), watched


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass of the decoder says.

    Attributes:
        logits: Shape (rows, V), float32: what comes after each of the tokens that were asked for.
        attention: Shape (A, n, T): where the alignment heads look in the window when they predict what comes next.
    """

    logits: torch.Tensor
    attention: torch.Tensor


class Decoder:
    """Says what comes next. Holds the keys and values of the tokens so far: a pass may overwrite its end."""

    def __init__(
        self,
        weights: Weights,
        shape: Shape,
        precision: Precision,
        device: torch.device,
        watched: Sequence[tuple[int, int]],
    ) -> None:
        """Prepares the weights.

        Args:
            weights: Of the checkpoint.
            shape: Sizes.
            precision: Of the linears.
            device: Where it runs.
            watched: Alignment heads: (layer, head).
        """
        make = _Builder(weights, shape.width, precision, device)
        d, heads, layers = shape.width, shape.decoder_heads, shape.decoder_layers
        self._shape = shape
        self._device = device
        # A copy, so that the file is not kept in memory for the sake of one tensor.
        self._tokens = make.tensor("decoder.embed_tokens.weight", shape.vocabulary, d).clone()
        self._places = make.tensor("decoder.embed_positions.weight", shape.max_tokens, d).float()
        cache = torch.zeros(layers, 2, heads, shape.max_tokens, d // heads, device=device)
        self._layers = [
            _DecoderLayer(make, f"decoder.layers.{i}", shape, cache[i], [h for at, h in watched if at == i])
            for i in range(layers)
        ]
        self._norm = make.norm("decoder.layer_norm")
        self._head = make_linear(self._tokens, None, precision)
        self._past_only = torch.ones(shape.max_tokens, shape.max_tokens, dtype=torch.bool, device=device).tril()

    def __call__(self, tokens: Sequence[int], past: int, memory: Memory, rows: Sequence[int]) -> Pass:
        """Takes ``tokens`` after the first ``past`` that it knows, and looks at the memory.

        Args:
            tokens: At least one.
            past: How many earlier tokens stay; what was said after them is forgotten.
            memory: What is heard.
            rows: After which of ``tokens`` logits are wanted, by index.
        """
        n = len(tokens)
        known = self._tokens[torch.tensor(list(tokens), device=self._device)].float()
        x = known + self._places[past : past + n]  # (n, D)
        mask = self._past_only[past : past + n, : past + n] if n > 1 else None
        attention = []
        for i, layer in enumerate(self._layers):
            x, watched = layer(x, past, mask, memory.layer(i))
            if watched is not None:
                attention.append(watched[:, :, memory.silent :])
        logits = self._head(self._norm(x[list(rows)])).float()  # (rows, V)
        return Pass(logits, torch.cat(attention))


class CrossAttention:
    """Turns what the encoder heard into the keys and values of every decoder layer, in one product."""

    def __init__(self, weights: Weights, shape: Shape, precision: Precision, device: torch.device) -> None:
        make = _Builder(weights, shape.width, precision, device)
        names = [f"decoder.layers.{i}.encoder_attn.{p}_proj" for i in range(shape.decoder_layers) for p in "kv"]
        self._kv = make.linear(*names)
        self._shape = shape

    def __call__(self, heard: torch.Tensor) -> torch.Tensor:
        """(T, D) to (L, 2, H, T, D/H), float32."""
        layers, heads = self._shape.decoder_layers, self._shape.decoder_heads
        return self._kv(heard).float().view(len(heard), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
