"""Token times from the decoder's cross-attention, as in Whisper's word timestamps.

Source: openai/whisper ``timing.py``, which uses dynamic time warping. Here every token gets at least one frame, in
order: a left-to-right Viterbi alignment, which costs two small vector operations per token.
"""

import numpy as np
import numpy.typing as npt
import torch

FRAME_S = 0.02  # seconds per position of the encoder's output
MEDIAN_WIDTH = 7  # frames: width of Whisper's median filter
# A sorting network: after these exchanges the fourth of seven numbers is their median (Devillard 1998, "Fast median
# search"). It takes a twentieth of the time of a sort, because all frames are exchanged at once.
MEDIAN_OF_7 = (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)


def attention_weights(heads: torch.Tensor) -> npt.NDArray[np.float32]:
    """Normalizes attention over tokens, smooths it over time, and averages the heads.

    Args:
        heads: Softmaxed cross-attention of the alignment heads, shape (n_heads, n_tokens, n_frames).

    Returns:
        Shape (n_tokens, n_frames): how much more than other tokens each token attends to each frame.
    """
    weights = heads.float()
    weights = weights - weights.mean(dim=1, keepdim=True)  # (n_heads, n_tokens, n_frames)
    weights /= weights.square().mean(dim=1, keepdim=True).sqrt_().clamp_(min=1e-6)  # std_mean takes 10 times as long
    return np.asarray(_median_filter(weights).mean(dim=0).cpu().numpy(), dtype=np.float32)  # (n_tokens, n_frames)


def token_starts(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Finds the frame at which each token begins, on the best path that visits all tokens in order.

    Args:
        weights: Shape (n_tokens, n_frames), from ``attention_weights``.

    Returns:
        Shape (n_tokens,), strictly increasing. With more tokens than frames no path exists: they are spread evenly.
    """
    n_tokens, n_frames = weights.shape
    if n_tokens > n_frames:
        return np.linspace(0, max(n_frames - 1, 0), n_tokens).astype(np.intp)
    before = np.cumsum(weights, axis=1, dtype=float)[:, :-1]  # (n, T - 1): each token's weight up to a frame
    gain = before[:-1] - before[1:]  # (n - 1, T - 1): what the score gains if a path goes on to the next token there
    best = np.full((n_tokens, n_frames), -np.inf)  # score of the best path on which token i begins at frame t
    best[0, 0] = 0.0
    for i in range(1, n_tokens):
        best[i, 1:] = np.maximum.accumulate(best[i - 1, :-1]) + gain[i - 1]
    starts = np.zeros(n_tokens, dtype=np.intp)
    end = n_frames
    for i in range(n_tokens - 1, 0, -1):
        end = starts[i] = best[i, :end].argmax()
    return starts


def attention_share_after(attention: torch.Tensor, start: int, end: int) -> float:
    """Returns which share of a token's attention to frames before ``end`` lies at ``start`` or later, 0 to 1.

    Args:
        attention: Softmaxed cross-attention of the alignment heads for one token, shape (n_heads, n_frames).
        start: First frame that counts.
        end: Frame after the last one.
    """
    return float(attention[:, start:end].sum() / attention[:, :end].sum().clamp(min=1e-6))


def _median_filter(rows: torch.Tensor) -> torch.Tensor:
    """Applies a median filter over the last dimension, reflected at the ends."""
    half = MEDIAN_WIDTH // 2
    if rows.shape[-1] <= half:
        return rows
    flat = rows.reshape(-1, rows.shape[-1])
    padded = torch.nn.functional.pad(flat, (half, half), mode="reflect").view(*rows.shape[:-1], -1)
    window = list(padded.unfold(-1, MEDIAN_WIDTH, 1).unbind(-1))  # each (..., n_frames)
    for low, high in MEDIAN_OF_7:
        window[low], window[high] = (
            torch.minimum(window[low], window[high]),
            torch.maximum(window[low], window[high]),
        )
    return window[half]
