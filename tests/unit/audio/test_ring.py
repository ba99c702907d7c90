"""The ring buffer, compared with a slow dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import Block
from streamstt.audio.ring import Ring
from tests.support.drawing import PROPERTY


def block(start: int, *values: float) -> Block:
    return Block(start, np.array(values, dtype=np.float32))


def test_empty() -> None:
    """A new ring is empty, and samples that are not stored read as zeros."""
    ring = Ring(4)
    assert (ring.start, ring.end) == (0, 0)
    assert ring.read(0, 3).tolist() == [0, 0, 0]
    assert ring.read(3, 0).tolist() == []


def test_keeps_the_last() -> None:
    """The newest samples are kept, under their own indices."""
    ring = Ring(4)
    ring.append(block(0, 1, 2, 3))
    ring.append(block(3, 4, 5, 6))
    assert (ring.start, ring.end) == (2, 6)
    assert ring.read(0, 8).tolist() == [0, 0, 3, 4, 5, 6, 0, 0]


def test_a_dropout_takes_no_space() -> None:
    """After a long dropout the audio before it can still be read, and the dropout reads as zeros."""
    ring = Ring(4)
    ring.append(block(0, 1, 2))
    ring.append(block(1_000_000_000, 3, 4))
    assert (ring.start, ring.end) == (0, 1_000_000_002)
    assert ring.read(0, 3).tolist() == [1, 2, 0]
    assert ring.read(999_999_999, 1_000_000_002).tolist() == [0, 3, 4]


def test_overlap() -> None:
    """A block that starts before the end of the stored audio is an error, and changes nothing."""
    ring = Ring(8)
    ring.append(block(10, 1, 2, 3))
    with pytest.raises(ValueError, match=r"12\b.*\b13\b"):
        ring.append(block(12, 9))
    assert ring.read(10, 14).tolist() == [1, 2, 3, 0]


def test_reads_are_copies() -> None:
    """Samples that were read do not change when the ring is overwritten."""
    ring = Ring(2)
    ring.append(block(0, 1, 2))
    read = ring.read(0, 2)
    ring.append(block(2, 3, 4))
    assert read.tolist() == [1, 2]


@PROPERTY
@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 7, 1000]), st.integers(0, 45)), max_size=12),
    st.data(),
)
def test_like_a_dictionary(capacity: int, appended: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever blocks are appended, with any dropouts between, every range reads as from a dictionary."""
    ring = Ring(capacity)
    oracle: dict[int, float] = {}
    end = 0
    for missing, size in appended:
        start = end + missing
        samples = np.arange(start + 1, start + 1 + size, dtype=np.float32)
        ring.append(Block(start, samples))
        oracle |= {start + i: float(x) for i, x in enumerate(samples)}
        oracle = dict(list(oracle.items())[-capacity:])
        end = start + size if size else end
        assert (ring.start, ring.end) == ((min(oracle), max(oracle) + 1) if oracle else (0, 0))
        low = data.draw(st.integers(0, end + 5))
        high = data.draw(st.integers(low, min(end + 10, low + 3000)))
        assert ring.read(low, high).tolist() == [oracle.get(i, 0.0) for i in range(low, high)]
