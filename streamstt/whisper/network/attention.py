"""Attention for few and for many queries.

On CPUs with fast bfloat16 both are faster than torch's own operator. Letters in shapes: H heads, D width, n or T
queries, S keys.
"""

import math

import torch
from torch.nn.functional import linear, pad, scaled_dot_product_attention

LOG2_E = 1 / math.log(2)
MIN_WEIGHT_SUM = 1e-30  # smallest sum of a row, and the inverse of the largest: beyond them, weights may be lost


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the attention of a few queries; returns the weights too, so all scores are kept in memory.

    Args:
        q: Shape (H, n, D/H), not scaled.
        k: Shape (H, S, D/H).
        v: Shape (H, S, D/H).
        bias: Added to the scores, (S,) or (n, S).

    Returns:
        The output, (H, n, D/H), and the weights, (H, n, S).
    """
    scale = q.shape[-1] ** -0.5
    if q.shape[1] == 1:  # as a column: torch then reads the keys in the order of memory, which takes most of the time
        scores = torch.baddbmm(bias.view(-1, 1), k, q.transpose(1, 2), alpha=scale)  # (H, S, 1)
        weights = scores[:, :, 0].softmax(-1)[:, None]  # (H, 1, S)
    else:
        weights = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=scale).softmax(-1)  # (H, n, S)
    return torch.bmm(weights, v), weights


def attend_full(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, *, use_bf16: bool
) -> torch.Tensor:
    """Computes the attention of many queries; scores are not kept.

    Args:
        q: Shape (H, T, D/H), not scaled.
        k: Shape (H, S, D/H).
        v: Shape (H, S, D/H).
        bias: Added to the scores of the first keys, (up to S,).
        use_bf16: Compute in bfloat16.

    Returns:
        Shape (H, T, D/H), in the dtype of ``q``.
    """
    if not use_bf16:
        mask = None
        if bias is not None:
            mask = pad(bias.to(q.dtype), (0, k.shape[1] - len(bias)))[None, None, None]  # (1, 1, 1, S)
        return scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]
    return _attend_bf16(q, k, v, bias)


def _attend_bf16(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """``attend_full`` in bfloat16, by powers of two: finding each row's maximum first would take twice as long."""
    q16, k16, v16 = (q * (LOG2_E * q.shape[-1] ** -0.5)).bfloat16(), k.bfloat16(), v.bfloat16()  # each (H, T or S, D/H)
    bias16 = None if bias is None else pad(bias * LOG2_E, (0, k.shape[1] - len(bias))).bfloat16()  # (S,)
    output = torch.empty(q.shape, dtype=torch.bfloat16)  # (H, T, D/H)
    for i, (head_q, head_k, head_v) in enumerate(zip(q16, k16, v16, strict=True)):  # one head's scores fit in the cache
        weights = linear(head_q, head_k, bias16).exp2_()  # (T, S)
        sums = weights.sum(-1, keepdim=True)  # (T, 1)
        smallest, largest = sums.aminmax()
        if smallest > MIN_WEIGHT_SUM and largest < 1 / MIN_WEIGHT_SUM:
            torch.mm(weights, head_v, out=output[i]).div_(sums)
        else:  # no known Whisper has such scores
            head = slice(i, i + 1)
            output[head] = attend_full(q[head], k[head].to(q.dtype), v[head].to(q.dtype), bias, use_bf16=False)
    return output.to(q.dtype)
