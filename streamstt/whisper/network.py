"""The decoder's network, written for streaming: several tokens at once, one static cache, alignment out.

Source: Radford et al. 2022. Letters in shapes: T encoder positions (20 ms) of the window, D width, H heads, L layers,
A alignment heads, n tokens in this pass, p tokens before it, S positions in memory, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import gelu, scaled_dot_product_attention

from streamstt.whisper.linear import Precision, make_linear
from streamstt.whisper.model import POSITIONS, Builder, Shape, Tensors


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
    def __init__(self, make: Builder, name: str, shape: Shape, cache: torch.Tensor, watched: list[int]) -> None:
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
        weights: Tensors,
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
        make = Builder(weights, shape.width, precision, device)
        d, heads, layers = shape.width, shape.decoder_heads, shape.decoder_layers
        self._shape = shape
        self._tokens = make.rows("decoder.embed_tokens.weight", shape.vocabulary, d)
        self._places = make.tensor("decoder.embed_positions.weight", shape.max_tokens, d).float()
        cache = torch.zeros(layers, 2, heads, shape.max_tokens, d // heads, device=device)
        self._layers = [
            _DecoderLayer(make, f"decoder.layers.{i}", shape, cache[i], [h for at, h in watched if at == i])
            for i in range(layers)
        ]
        self._norm = make.norm("decoder.layer_norm")
        self._head = make_linear(make.tensor("decoder.embed_tokens.weight", shape.vocabulary, d), None, precision)
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
        x = self._tokens(tokens).float() + self._places[past : past + n]  # (n, D)
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

    def __init__(self, weights: Tensors, shape: Shape, precision: Precision, device: torch.device) -> None:
        make = Builder(weights, shape.width, precision, device)
        names = [f"decoder.layers.{i}.encoder_attn.{p}_proj" for i in range(shape.decoder_layers) for p in "kv"]
        self._kv = make.linear(*names)
        self._shape = shape

    def __call__(self, heard: torch.Tensor) -> torch.Tensor:
        """(T, D) to (L, 2, H, T, D/H), float32."""
        layers, heads = self._shape.decoder_layers, self._shape.decoder_heads
        return self._kv(heard).float().view(len(heard), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
