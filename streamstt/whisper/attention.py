"""Attention, for few queries and for many: torch's own operator is the slower one for both, where bfloat16 is fast."""

import torch
from torch.nn.functional import pad, scaled_dot_product_attention


def look(
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


def look_far(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same among many keys, for which most of the time goes into reading them, with v of shape (H, D/H, S)."""
    if q.shape[1] > 1:
        return look(q, k, v.transpose(1, 2), bias)
    scores = torch.bmm(k, q.transpose(1, 2))  # (H, S, 1): as a column torch reads in the order in which keys lie
    weights = scores[:, :, 0].add_(bias).softmax(-1)[:, None]  # (H, 1, S)
    return torch.bmm(v, weights.transpose(1, 2)).transpose(1, 2), weights


def look_all(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, *, halve: bool
) -> torch.Tensor:
    """What many queries see.

    Args:
        q: Shape (H, T, D/H), not scaled.
        k: Shape (H, S, D/H).
        v: Shape (H, S, D/H).
        bias: What to add to the scores of the first keys, (up to S,).
        halve: Compute in bfloat16.

    Returns:
        Shape (H, T, D/H), in the type of ``q``.
    """
    if not halve:
        mask = None
        if bias is not None:
            mask = pad(bias.to(q.dtype), (0, k.shape[1] - len(bias)))[None, None, None]  # (1, 1, 1, S)
        return scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]
    halves = (q * q.shape[-1] ** -0.5).bfloat16(), k.bfloat16(), v.bfloat16()
    seen = torch.empty(q.shape, dtype=torch.bfloat16)
    for i, (own_q, own_k, own_v) in enumerate(zip(*halves, strict=True)):  # the scores of one head stay in the cache
        scores = own_q @ own_k.T  # (T, S)
        if bias is not None:
            scores[:, : len(bias)] += bias
        torch.mm(scores.softmax(-1), own_v, out=seen[i])
    return seen.to(q.dtype)
