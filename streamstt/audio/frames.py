"""Cuts blocks of any size into frames on a fixed grid, and tells lost audio apart from a hiccup."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streamstt.audio.format import FRAME, Block, Samples, samples_from_ms

MAX_BRIDGED = samples_from_ms(
    300
)  # samples: a shorter hole is filled with silence, so that it does not cut a sentence in two


@dataclass(frozen=True, slots=True)
class Dropout:
    """Samples ``start`` to ``end`` never came."""

    start: int
    end: int

    @property
    def splits_speech(self) -> bool:
        """Whether speech before and after must not be joined."""
        return self.end - self.start > MAX_BRIDGED


class Framer:
    """Blocks in, frames out; what is less than a frame waits for the next block."""

    def __init__(self) -> None:
        self._rest = Block(0, np.zeros(0, dtype=np.float32))

    @property
    def end(self) -> int:
        """Sample index that the next block should start at."""
        return self._rest.end

    def find_dropout(self, block: Block) -> Dropout | None:
        """The audio that is missing before ``block``, if any.

        Raises:
            ValueError: The block starts in the past.
        """
        if block.start < self.end:
            raise ValueError(f"block starts at sample {block.start}, expected {self.end}")
        return Dropout(self.end, block.start) if block.start > self.end else None

    def push(self, block: Block) -> Iterator[Block]:
        """Yields the frames that ``block`` completes, each a block of ``FRAME`` samples.

        A hole that does not break speech is filled with zeros; after one that does, the grid starts anew.
        """
        hole = self.find_dropout(block)
        if hole and hole.splits_speech:
            joined: Samples = block.samples
            start = block.start
        else:
            missing = np.zeros(hole.end - hole.start if hole else 0, dtype=np.float32)
            joined = np.concatenate([self._rest.samples, missing, block.samples])
            start = self._rest.start
        whole = len(joined) - len(joined) % FRAME
        self._rest = Block(start + whole, joined[whole:])
        for i in range(0, whole, FRAME):
            yield Block(start + i, joined[i : i + FRAME])
