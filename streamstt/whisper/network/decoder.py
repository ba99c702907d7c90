"""Whisper's decoder, written for streaming: one pass takes several tokens of several texts and returns attention too.

Knows nothing of sampling: it maps tokens to logits. Source: Radford et al. 2022. Letters in shapes: T encoder positions
(20 ms) of the window, D width, H heads, L layers, A alignment heads, n tokens in this pass, p tokens before it, S
positions of the cross-attention, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import gelu

from streamstt.whisper.network.attention import attend
from streamstt.whisper.network.layers import MAX_POSITIONS, LayerBuilder, ModelDimensions, WeightSource
from streamstt.whisper.network.linear import Precision, make_linear


class CrossKV:
    """Keys and values of the cross-attention: those of the window, and of the silence that follows it.

    Attention does not depend on the order of positions, because each position is encoded in its own key. So the
    silence, which many windows share, is stored first and kept; each window is written after it.

    Attributes:
        layers: For each layer the keys and the values, each (H, S, D/H), and the bias of the scores, (S,).
        n_silent: Positions of silence, before those of the window.
        nbytes: Size of keys and values in bytes.
    """

    def __init__(
        self, dims: ModelDimensions, n_silent: int, device: torch.device, max_window: int = MAX_POSITIONS
    ) -> None:
        """Allocates keys and values; set the silence, then a window, before use.

        Args:
            dims: Sizes of the model.
            n_silent: Positions of silence; may be 0.
            device: Where the model runs.
            max_window: Most positions that a window may have.
        """
        layers, heads, size = dims.decoder_layers, dims.decoder_heads, dims.width // dims.decoder_heads
        capacity = n_silent + max_window
        self._kv = torch.zeros(layers, 2, heads, capacity, size, device=device)  # (L, 2, H, S, D/H)
        self._bias = torch.zeros(capacity, device=device)  # (S,)
        self.layers: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.n_silent = n_silent
        self.nbytes = self._kv.nbytes

    def set_silence(self, kv: torch.Tensor) -> None:
        """Writes keys and values of the silence, shape (L, 2, H, n_silent, D/H)."""
        self._write(kv, 0)

    def set_window(self, kv: torch.Tensor, bias: torch.Tensor | None = None, first: int = 0) -> None:
        """Writes keys and values of a window, or of its end, and forgets what was after them.

        Args:
            kv: Shape (L, 2, H, T - first, D/H).
            bias: Added to the attention scores, (n_silent + T,), from ``SilentContext.attention_bias``; None: zeros.
            first: The position of the window at which ``kv`` begins; those before it stay.
        """
        end = self._write(kv, self.n_silent + first)
        self._bias[:end] = 0 if bias is None else bias
        self.layers = [(k, v, self._bias[:end]) for k, v in self._kv[:, :, :, :end]]

    def _write(self, kv: torch.Tensor, start: int) -> int:
        end = start + kv.shape[3]
        self._kv[:, :, :, start:end] = kv
        return end


@dataclass(frozen=True, slots=True)
class DecoderInput:
    """The part of one text that a pass of the decoder reads.

    Attributes:
        tokens: New tokens, at least one.
        n_past: How many earlier tokens the cache keeps; later ones are overwritten.
        kv_cache: Keys and values of the text so far, shape (L, 2, H, max tokens, D/H), from ``Decoder.make_cache``.
        cross_kv: The encoded audio.
        logit_indexes: Indexes into ``tokens``: the tokens after which logits are needed.
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
        self._alignment_heads = alignment_heads
        self._causal_mask = causal_mask
        self._norm1 = builder.norm(f"{name}.self_attn_layer_norm")
        self._qkv, self._out1 = builder.self_attention(name)
        self._norm2 = builder.norm(f"{name}.encoder_attn_layer_norm")
        self._q = builder.linear(f"{name}.encoder_attn.q_proj")
        self._out2 = builder.linear(f"{name}.encoder_attn.out_proj")
        self._norm3 = builder.norm(f"{name}.final_layer_norm")
        self._up, self._down = builder.feed_forward(name)

    def __call__(self, x: torch.Tensor, inputs: Sequence[DecoderInput], attention: list[list[torch.Tensor]]) -> None:
        """Runs the layer on all texts in one pass, so that its weights are read from memory once.

        Args:
            x: Hidden states of the tokens of all texts, (n, D); overwritten with the new ones.
            inputs: The texts.
            attention: For each text a list, to which the attention of this layer's alignment heads is added, (n, T)
                each.
        """
        sizes = [len(text.tokens) for text in inputs]
        qkv = self._qkv(self._norm1(x)).float().view(len(x), 3, self._heads, -1).permute(1, 2, 0, 3)  # (3, H, n, D/H)
        of_texts = torch.split(qkv, sizes, dim=2) if len(inputs) > 1 else [qkv]
        outputs = [self._self_attention(*pair) for pair in zip(inputs, of_texts, strict=True)]
        x += self._out1(_join_texts(outputs))  # (n, D)

        q = self._q(self._norm2(x)).float().view(len(x), self._heads, -1).transpose(0, 1)  # (H, n, D/H)
        of_texts = torch.split(q, sizes, dim=1) if len(inputs) > 1 else [q]
        outputs = []
        for text, text_q, of_heads in zip(inputs, of_texts, attention, strict=True):
            output, weights = attend(text_q, *text.cross_kv.layers[self._index])
            outputs.append(output)
            of_heads += [weights[head, :, text.cross_kv.n_silent :] for head in self._alignment_heads]  # (n, T) each
        x += self._out2(_join_texts(outputs))  # (n, D)
        x += self._down(gelu(self._up(self._norm3(x))))

    def _self_attention(self, decoder_input: DecoderInput, qkv: torch.Tensor) -> torch.Tensor:
        """Computes causal attention within one text, (3, H, n, D/H) to (H, n, D/H); appends to the text's cache."""
        start, end = decoder_input.n_past, decoder_input.n_past + len(decoder_input.tokens)
        cache = decoder_input.kv_cache[self._index, :, :, :end]  # (2, H, p + n, D/H)
        cache[:, :, start:] = qkv[1:]
        keys, values = cache
        return attend(qkv[0], keys, values, self._causal_mask[start:end, :end])[0]


def _join_texts(outputs: list[torch.Tensor]) -> torch.Tensor:
    """Joins the outputs of attention, (H, n, D/H) for each text, to (n, D) for all of them."""
    joined = torch.cat(outputs, dim=1) if len(outputs) > 1 else outputs[0]
    return joined.transpose(0, 1).reshape(joined.shape[1], -1)


@dataclass(frozen=True, slots=True)
class DecoderOutput:
    """Result of one pass for one text.

    Attributes:
        logits: Shape (len(logit_indexes), V), float32: of the token after each of those tokens.
        attention: Shape (A, n, T): attention of the alignment heads to the window, while predicting the next token.
    """

    logits: torch.Tensor
    attention: torch.Tensor


class Decoder:
    """The decoder with its weights: predicts the next token of one or more texts.

    Attributes:
        default_cache: Keys and values for a caller that decodes only one text at a time.
    """

    def __init__(
        self,
        weights: WeightSource,
        dims: ModelDimensions,
        precision: Precision,
        device: torch.device,
        alignment_heads: Sequence[tuple[int, int]],
    ) -> None:
        """Loads the decoder's weights.

        Args:
            weights: The checkpoint's tensors.
            dims: Sizes of the model.
            precision: Number format of the linear layers.
            device: Where it runs.
            alignment_heads: (layer, head) of the heads whose attention is returned.
        """
        builder = LayerBuilder(weights, dims.width, precision, device)
        d = dims.width
        self._dims = dims
        self._device = device
        self._token_embedding = builder.embedding_lookup("decoder.embed_tokens.weight", dims.vocabulary_size, d)
        self._positions = builder.tensor("decoder.embed_positions.weight", dims.max_tokens, d).float()
        causal_mask = torch.full((dims.max_tokens, dims.max_tokens), -torch.inf, device=device).triu(1)
        self._layers = [
            _DecoderLayer(builder, i, dims, [head for layer, head in alignment_heads if layer == i], causal_mask)
            for i in range(dims.decoder_layers)
        ]
        self._norm = builder.norm("decoder.layer_norm")
        self._output_projection = make_linear(
            builder.tensor("decoder.embed_tokens.weight", dims.vocabulary_size, d), None, precision
        )
        self.default_cache = self.make_cache(dims.max_tokens)

    def make_cache(self, max_tokens: int) -> torch.Tensor:
        """Allocates a cache for the keys and values of one text, shape (L, 2, H, max_tokens, D/H)."""
        dims = self._dims
        shape = dims.decoder_layers, 2, dims.decoder_heads, max_tokens, dims.width // dims.decoder_heads
        return torch.zeros(shape, device=self._device)

    def __call__(
        self, tokens: Sequence[int], n_past: int, cross_kv: CrossKV, logit_indexes: Sequence[int]
    ) -> DecoderOutput:
        """Reads tokens of the one text in ``default_cache``; arguments as of ``DecoderInput``."""
        return self.forward_batch([DecoderInput(tokens, n_past, self.default_cache, cross_kv, logit_indexes)])[0]

    def forward_batch(self, inputs: Sequence[DecoderInput]) -> list[DecoderOutput]:
        """Reads tokens of several texts, in little more time than of one: most of it goes into reading weights."""
        tokens = [token for text in inputs for token in text.tokens]
        positions = [self._positions[text.n_past : text.n_past + len(text.tokens)] for text in inputs]
        x = self._token_embedding(tokens).float() + torch.cat(positions)  # (n, D)
        attention: list[list[torch.Tensor]] = [[] for _ in inputs]  # for each text (n, T) of each alignment head
        for layer in self._layers:
            layer(x, inputs, attention)
        rows: list[int] = []
        first = 0
        for text in inputs:
            rows += [first + index for index in text.logit_indexes]
            first += len(text.tokens)
        x = x if rows == list(range(first)) else x[rows]
        logits = self._output_projection(self._norm(x)).float()  # (len(rows), V)
        by_text = torch.split(logits, [len(text.logit_indexes) for text in inputs])
        return [DecoderOutput(*pair) for pair in zip(by_text, map(torch.stack, attention), strict=True)]


class CrossKVProjection:
    """Projects the encoder's output to keys and values of every decoder layer, in one product."""

    def __init__(
        self, weights: WeightSource, dims: ModelDimensions, precision: Precision, device: torch.device
    ) -> None:
        builder = LayerBuilder(weights, dims.width, precision, device)
        names = [f"decoder.layers.{i}.encoder_attn.{p}_proj" for i in range(dims.decoder_layers) for p in "kv"]
        self._kv = builder.linear(*names)
        self._dims = dims

    def __call__(self, encoded: torch.Tensor) -> torch.Tensor:
        """Maps (T, D) to (L, 2, H, T, D/H), float32."""
        layers, heads = self._dims.decoder_layers, self._dims.decoder_heads
        return self._kv(encoded).float().view(len(encoded), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
