"""The decoder's network, written for streaming: several tokens at once, of several texts, alignment out.

Source: Radford et al. 2022. Letters in shapes: T encoder positions (20 ms) of the window, D width, H heads, L layers,
A alignment heads, n tokens in this pass, p tokens before it, S positions in memory, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import gelu

from streamstt.whisper.network.attention import attend, attend_cross
from streamstt.whisper.network.layers import MAX_POSITIONS, LayerBuilder, ModelDimensions, WeightSource
from streamstt.whisper.network.linear import Precision, make_linear


class CrossKV:
    """What the decoder looks at: keys and values of the window, behind those of the silence that follows it.

    The order of positions means nothing to attention, for each carries its place in itself. So the silence, which is
    the same for many windows, stands first and stays; a window is written behind it.
    """

    def __init__(
        self, dims: ModelDimensions, n_silent: int, device: torch.device, max_window: int = MAX_POSITIONS
    ) -> None:
        """Makes room.

        Args:
            dims: Sizes of the model.
            n_silent: How many positions of silence there are; may be none.
            device: Where the model runs.
            max_window: How many positions a window may have.
        """
        layers, heads, size = dims.decoder_layers, dims.decoder_heads, dims.width // dims.decoder_heads
        room = n_silent + max_window
        self._keys = torch.zeros(layers, heads, room, size, device=device)  # (L, H, S, D/H)
        self._values = torch.zeros(layers, heads, size, room, device=device)  # (L, H, D/H, S), for ``look_far``
        self._bias = torch.zeros(room, device=device)
        # Of each layer the keys, (H, S, D/H), the values, (H, D/H, S), and what to add to the scores, (S,).
        self.layers: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.n_silent = n_silent
        self.nbytes = self._keys.nbytes + self._values.nbytes

    def set_silence(self, kv: torch.Tensor) -> None:
        """Takes keys and values of the silence, shape (L, 2, H, silent, D/H)."""
        self._write(kv, 0)

    def set_window(self, kv: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """Takes keys and values of the window, shape (L, 2, H, T, D/H), and ``Silence.bias`` of its length."""
        end = self._write(kv, self.n_silent)
        self._bias[:end] = 0 if bias is None else bias
        keys, values = self._keys[:, :, :end], self._values[:, :, :, :end]
        self.layers = [(k, v, self._bias[:end]) for k, v in zip(keys, values, strict=True)]

    def _write(self, kv: torch.Tensor, start: int) -> int:
        layers, _, heads, n, size = kv.shape
        end = start + n
        self._keys[:, :, start:end] = kv[:, 0]
        plain = kv[:, 1].permute(2, 0, 1, 3).reshape(n, -1)  # torch is quick to turn a plain matrix, and no other
        self._values[:, :, :, start:end] = plain.T.contiguous().view(layers, heads, size, n)
        return end


@dataclass(frozen=True, slots=True)
class DecoderInput:
    """What a pass reads of one text.

    Attributes:
        tokens: At least one.
        n_past: How many earlier tokens stay; what was said after them is forgotten.
        kv_cache: Keys and values of the tokens so far, shape (L, 2, H, most tokens, D/H), from ``Decoder.cache``.
        cross_kv: What is heard.
        logit_indexes: After which of ``tokens`` logits are wanted, by index.
    """

    tokens: Sequence[int]
    n_past: int
    kv_cache: torch.Tensor
    cross_kv: CrossKV
    logit_indexes: Sequence[int]


class _DecoderLayer:
    def __init__(
        self,
        builder: LayerBuilder,
        index: int,
        dims: ModelDimensions,
        alignment_heads: list[int],
        causal_mask: torch.Tensor,
    ) -> None:
        name = f"decoder.layers.{index}"
        self._index = index
        self._heads = dims.decoder_heads
        self._alignment_heads = torch.tensor(alignment_heads, dtype=torch.long, device=causal_mask.device)
        self._causal_mask = causal_mask
        self._norm1 = builder.norm(f"{name}.self_attn_layer_norm")
        self._qkv, self._out1 = builder.self_attention(name)
        self._norm2 = builder.norm(f"{name}.encoder_attn_layer_norm")
        self._q, self._out2 = (
            builder.linear(f"{name}.encoder_attn.q_proj"),
            builder.linear(f"{name}.encoder_attn.out_proj"),
        )
        self._norm3 = builder.norm(f"{name}.final_layer_norm")
        self._up, self._down = builder.feed_forward(name)

    def __call__(self, x: torch.Tensor, inputs: Sequence[DecoderInput]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Takes the tokens of all parts, (n, D): the weights are read once. Gives where the watched heads look."""
        scale = (x.shape[1] // self._heads) ** -0.5
        sizes = [len(part.tokens) for part in inputs]
        qkv = self._qkv(self._norm1(x)).float().view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # (3, H, n, D/H)
        qkv[0] *= scale
        seen = [
            self._self_attention(part, own) for part, own in zip(inputs, torch.split(qkv, sizes, dim=2), strict=True)
        ]
        x = x + self._out1(torch.cat(seen, dim=1).transpose(0, 1).reshape(x.shape))

        q = self._q(self._norm2(x)).float().view(len(x), self._heads, -1).transpose(0, 1) * scale  # (H, n, D/H)
        seen, watched = [], []
        for part, own in zip(inputs, torch.split(q, sizes, dim=1), strict=True):
            looked, weights = attend_cross(own, *part.cross_kv.layers[self._index])
            seen.append(looked)
            if len(self._alignment_heads):
                watched.append(
                    weights.index_select(0, self._alignment_heads)[:, :, part.cross_kv.n_silent :]
                )  # (A, n, T)
        x = x + self._out2(torch.cat(seen, dim=1).transpose(0, 1).reshape(x.shape))
        return x + self._down(gelu(self._up(self._norm3(x)))), watched

    def _self_attention(self, decoder_input: DecoderInput, qkv: torch.Tensor) -> torch.Tensor:
        """Looks at the tokens so far; (3, H, n, D/H) to (H, n, D/H)."""
        n, end = qkv.shape[2], decoder_input.n_past + qkv.shape[2]
        cache = decoder_input.kv_cache[self._index]  # (2, H, most tokens, D/H)
        cache[:, :, decoder_input.n_past : end] = qkv[1:]
        keys, values = cache[:, :, :end]  # each (H, p + n, D/H)
        bias = self._causal_mask[decoder_input.n_past : end, :end] if n > 1 else None
        return attend(qkv[0], keys, values, bias)[0]


@dataclass(frozen=True, slots=True)
class DecoderOutput:
    """What one pass of the decoder says.

    Attributes:
        logits: Shape (rows, V), float32: what comes after each of the tokens that were asked for.
        attention: Shape (A, n, T): where the alignment heads look in the window when they predict what comes next.
    """

    logits: torch.Tensor
    attention: torch.Tensor


class Decoder:
    """Says what comes next.

    Attributes:
        default_cache: A cache for whoever needs no more than one text at a time.
    """

    def __init__(
        self,
        weights: WeightSource,
        dims: ModelDimensions,
        precision: Precision,
        device: torch.device,
        alignment_heads: Sequence[tuple[int, int]],
    ) -> None:
        """Prepares the weights.

        Args:
            weights: Of the checkpoint.
            dims: Sizes.
            precision: Of the linears.
            device: Where it runs.
            alignment_heads: Alignment heads: (layer, head).
        """
        make = LayerBuilder(weights, dims.width, precision, device)
        d = dims.width
        self._dims = dims
        self._device = device
        self._token_embedding = make.embedding_lookup("decoder.embed_tokens.weight", dims.vocabulary_size, d)
        self._positions = make.tensor("decoder.embed_positions.weight", dims.max_tokens, d).float()
        past_only = torch.full((dims.max_tokens, dims.max_tokens), -torch.inf, device=device).triu(1)
        self._layers = [
            _DecoderLayer(make, i, dims, [h for at, h in alignment_heads if at == i], past_only)
            for i in range(dims.decoder_layers)
        ]
        self._norm = make.norm("decoder.layer_norm")
        self._output_projection = make_linear(
            make.tensor("decoder.embed_tokens.weight", dims.vocabulary_size, d), None, precision
        )
        self.default_cache = self.make_cache(dims.max_tokens)

    def make_cache(self, max_tokens: int) -> torch.Tensor:
        """Room for the keys and values of a text of so many tokens."""
        shape = self._dims
        sizes = shape.decoder_layers, 2, shape.decoder_heads, max_tokens, shape.width // shape.decoder_heads
        return torch.zeros(sizes, device=self._device)

    def __call__(
        self, tokens: Sequence[int], n_past: int, cross_kv: CrossKV, logit_indexes: Sequence[int]
    ) -> DecoderOutput:
        """Reads ``tokens`` of the text in its own cache, as in ``DecoderInput``."""
        return self.forward_batch([DecoderInput(tokens, n_past, self.default_cache, cross_kv, logit_indexes)])[0]

    def forward_batch(self, inputs: Sequence[DecoderInput]) -> list[DecoderOutput]:
        """Reads of several texts, for little more than the time of one: most of that goes into reading weights."""
        tokens = [token for part in inputs for token in part.tokens]
        places = [self._positions[part.n_past : part.n_past + len(part.tokens)] for part in inputs]
        x = self._token_embedding(tokens).float() + torch.cat(places)  # (n, D)
        attention: list[list[torch.Tensor]] = []
        for layer in self._layers:
            x, watched = layer(x, inputs)
            attention += [watched] if watched else []
        wanted: list[int] = []
        first = 0
        for part in inputs:
            wanted += [first + row for row in part.logit_indexes]
            first += len(part.tokens)
        logits = self._output_projection(self._norm(x[wanted])).float()  # (all rows, V)
        each = torch.split(logits, [len(part.logit_indexes) for part in inputs])
        return [
            DecoderOutput(own, torch.cat(heads)) for own, heads in zip(each, zip(*attention, strict=True), strict=True)
        ]


class CrossKVProjection:
    """Turns what the encoder heard into the keys and values of every decoder layer, in one product."""

    def __init__(
        self, weights: WeightSource, dims: ModelDimensions, precision: Precision, device: torch.device
    ) -> None:
        make = LayerBuilder(weights, dims.width, precision, device)
        names = [f"decoder.layers.{i}.encoder_attn.{p}_proj" for i in range(dims.decoder_layers) for p in "kv"]
        self._kv = make.linear(*names)
        self._dims = dims

    def __call__(self, encoded: torch.Tensor) -> torch.Tensor:
        """(T, D) to (L, 2, H, T, D/H), float32."""
        layers, heads = self._dims.decoder_layers, self._dims.decoder_heads
        return self._kv(encoded).float().view(len(encoded), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
