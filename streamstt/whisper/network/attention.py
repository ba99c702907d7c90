"""Attention, for few queries and for many: torch's own operator is the slower one for both, where bfloat16 is fast."""

import math

import torch
from torch.nn.functional import linear, pad, scaled_dot_product_attention

LOG2_E = 1 / math.log(2)
MIN_WEIGHT_SUM = 1e-30  # the least sum of a row's weights, and its inverse the largest: beyond them some may be lost


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a few queries see, for it keeps all scores.

    Args:
        q: Shape (H, n, D/H), scaled.
        k: Shape (H, S, D/H).
        v: Shape (H, S, D/H).
        bias: What to add to the scores, (S,) or (n, S).

    Returns:
        What they see, (H, n, D/H), and the weights, (H, n, S).
    """
    scores = torch.bmm(q, k.transpose(1, 2))  # (H, n, S)
    weights = (scores if bias is None else scores.add_(bias)).softmax(-1)
    return torch.bmm(weights, v), weights


def attend_cross(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same among many keys, for which most of the time goes into reading them, with v of shape (H, D/H, S)."""
    if q.shape[1] > 1:
        return attend(q, k, v.transpose(1, 2), bias)
    scores = torch.bmm(k, q.transpose(1, 2))  # (H, S, 1): as a column torch reads in the order in which keys lie
    weights = scores[:, :, 0].add_(bias).softmax(-1)[:, None]  # (H, 1, S)
    return torch.bmm(v, weights.transpose(1, 2)).transpose(1, 2), weights


def attend_full(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, *, use_bf16: bool
) -> torch.Tensor:
    """What many queries see.

    Args:
        q: Shape (H, T, D/H), not scaled.
        k: Shape (H, S, D/H).
        v: Shape (H, S, D/H).
        bias: What to add to the scores of the first keys, (up to S,).
        use_bf16: Compute in bfloat16.

    Returns:
        Shape (H, T, D/H), in the type of ``q``.
    """
    if not use_bf16:
        mask = None
        if bias is not None:
            mask = pad(bias.to(q.dtype), (0, k.shape[1] - len(bias)))[None, None, None]  # (1, 1, 1, S)
        return scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]
    return _attend_bf16(q, k, v, bias)


def _attend_bf16(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """In bfloat16, as powers of two: a softmax that looks for each row's largest score first takes twice the time."""
    halves = (q * (LOG2_E * q.shape[-1] ** -0.5)).bfloat16(), k.bfloat16(), v.bfloat16()
    added = None if bias is None else pad(bias * LOG2_E, (0, k.shape[1] - len(bias))).bfloat16()  # (S,)
    seen = torch.empty(q.shape, dtype=torch.bfloat16)
    for i, (own_q, own_k, own_v) in enumerate(zip(*halves, strict=True)):  # the scores of one head stay in the cache
        weights = linear(own_q, own_k, added).exp2_()  # (T, S)
        sums = weights.sum(-1, keepdim=True)  # (T, 1)
        least, most = sums.aminmax()
        if least > MIN_WEIGHT_SUM and most < 1 / MIN_WEIGHT_SUM:
            torch.mm(weights, own_v, out=seen[i]).div_(sums)
        else:  # no Whisper that we know has such scores
            one = slice(i, i + 1)
            seen[one] = attend_full(q[one], k[one], v[one], bias, use_bf16=False)
    return seen.to(q.dtype)
