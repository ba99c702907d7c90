"""Cuts blocks of any size into frames on a fixed grid, and bridges short dropouts. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import FRAME, Block, Samples, samples_from_ms

# Samples: a dropout up to this length is filled with silence, so that it does not split a sentence.
MAX_BRIDGED = samples_from_ms(300)


@dataclass(frozen=True, slots=True)
class Dropout:
    """Samples ``start`` to ``end`` (exclusive) of the stream that were never delivered."""

    start: int
    end: int

    @property
    def splits_speech(self) -> bool:
        """Whether it is too long to be bridged, so that the speech around it must not be joined."""
        return self.end - self.start > MAX_BRIDGED


class Framer:
    """Turns blocks into frames of ``FRAME`` samples; a remainder waits for the next block."""

    def __init__(self) -> None:
        self._remainder = Block(0, np.zeros(0, dtype=np.float32))

    @property
    def end(self) -> int:
        """Index of the sample at which the next block should start."""
        return self._remainder.end

    def find_dropout(self, block: Block) -> Dropout | None:
        """Returns the audio that is missing before ``block``, or None.

        Raises:
            ValueError: The block starts before the end of the previous one.
        """
        if block.start < self.end:
            raise ValueError(f"block starts at sample {block.start}, expected {self.end}")
        return Dropout(self.end, block.start) if block.start > self.end else None

    def push(self, block: Block) -> Iterator[Block]:
        """Yields the frames that ``block`` completes, each a block of ``FRAME`` samples.

        A short dropout is filled with zeros. After one that splits speech, the remainder is discarded, and the grid
        starts again at the block.

        Raises:
            ValueError: The block starts before the end of the previous one.
        """
        dropout = self.find_dropout(block)
        if dropout and dropout.splits_speech:
            joined: Samples = block.samples
            start = block.start
        else:
            missing = np.zeros(dropout.end - dropout.start if dropout else 0, dtype=np.float32)
            joined = np.concatenate([self._remainder.samples, missing, block.samples])
            start = self._remainder.start
        whole = len(joined) - len(joined) % FRAME
        self._remainder = Block(start + whole, joined[whole:])
        for i in range(0, whole, FRAME):
            yield Block(start + i, joined[i : i + FRAME])
