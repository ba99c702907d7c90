"""Ring buffer of one source's recent audio, addressed by sample index in the stream. Knows nothing of speech. Pure."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import Block, Samples


@dataclass(slots=True)
class _Span:
    """Audio without a dropout.

    Attributes:
        start: Index of its first sample in the stream.
        end: Index after its last sample.
        offset: Number of samples that were stored before it; modulo the capacity, its place in the buffer.
    """

    start: int
    end: int
    offset: int


class Ring:
    """Keeps the last ``capacity`` samples of a stream; older ones are overwritten.

    A dropout takes no space: after an hour without a microphone, the seconds before it can still be read.
    """

    def __init__(self, capacity: int) -> None:
        """Creates an empty ring.

        Args:
            capacity: Number of samples to keep.
        """
        self._store = np.zeros(capacity, dtype=np.float32)
        self._spans: deque[_Span] = deque()
        self._written = 0

    @property
    def start(self) -> int:
        """Index of the oldest sample that is kept."""
        return self._spans[0].start if self._spans else 0

    @property
    def end(self) -> int:
        """Index after the newest sample."""
        return self._spans[-1].end if self._spans else 0

    def append(self, block: Block) -> None:
        """Stores a block.

        Raises:
            ValueError: The block starts before the end of the stored audio.
        """
        if self._spans and block.start < self.end:
            raise ValueError(f"block starts at sample {block.start}, but audio up to {self.end} is already stored")
        if not len(block.samples):
            return
        if self._spans and block.start == self.end:
            self._spans[-1].end = block.end
        else:
            self._spans.append(_Span(block.start, block.end, self._written))
        kept = block.samples[-len(self._store) :]
        first = (self._written + len(block.samples) - len(kept)) % len(self._store)
        upper = kept[: len(self._store) - first]
        self._store[first : first + len(upper)] = upper
        self._store[: len(kept) - len(upper)] = kept[len(upper) :]
        self._written += len(block.samples)
        self._drop_before(self._written - len(self._store))

    def _drop_before(self, oldest: int) -> None:
        """Drops the samples that were overwritten: all but those stored after the first ``oldest`` ones."""
        while self._spans and oldest > 0:
            span = self._spans[0]
            if span.offset >= oldest:
                return
            drop = min(oldest - span.offset, span.end - span.start)
            span.start += drop
            span.offset += drop
            if span.start < span.end:
                return
            self._spans.popleft()

    def read(self, start: int, end: int) -> Samples:
        """Copies the samples from ``start`` to ``end``; those that are not stored are zero.

        Returns:
            Shape (end - start,), float32.
        """
        out = np.zeros(max(0, end - start), dtype=np.float32)
        for span in self._spans:
            low, high = max(start, span.start), min(end, span.end)
            if low < high:
                stored = np.arange(span.offset + low - span.start, span.offset + high - span.start)
                out[low - start : high - start] = self._store[stored % len(self._store)]
        return out
