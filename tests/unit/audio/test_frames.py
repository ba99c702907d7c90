"""Blocks become frames, and dropouts between blocks are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, Block, Samples
from streamstt.audio.frames import MAX_BRIDGED, Dropout, Framer
from tests.support.drawing import PROPERTY, cut

SOUND: Samples = np.arange(1, 10 * FRAME + 77, dtype=np.float32)


def frames_of(blocks: list[Block]) -> list[tuple[int, list[float]]]:
    framer = Framer()
    return [(f.start, f.samples.tolist()) for b in blocks for f in framer.push(b)]


@PROPERTY
@given(st.lists(st.integers(1, 3 * FRAME), min_size=1, max_size=8))
def test_any_cutting(sizes: list[int]) -> None:
    """However the audio is cut into blocks, the frames are the same; a remainder waits."""
    expected = [(i * FRAME, SOUND[i * FRAME : (i + 1) * FRAME].tolist()) for i in range(10)]
    assert frames_of(list(cut(SOUND, sizes))) == expected


@pytest.mark.parametrize("length", [1, FRAME, MAX_BRIDGED])
def test_short_dropout_is_filled(length: int) -> None:
    """A short dropout becomes silence: the grid continues, and every later sample keeps its time."""
    before, after = SOUND[:500], SOUND[: 3 * FRAME]
    frames = frames_of([Block(0, before), Block(500 + length, after)])
    assert [start for start, _ in frames] == [i * FRAME for i in range(len(frames))]
    joined = [x for _, samples in frames for x in samples]
    expected = [*before.tolist(), *[0.0] * length, *after.tolist()]
    assert joined == expected[: len(joined)]
    assert len(expected) - len(joined) < FRAME


def test_long_dropout_restarts_the_grid() -> None:
    """After lost audio the grid begins at the new block, and the remainder before it is in no frame."""
    start = 500 + MAX_BRIDGED + 1
    frames = frames_of([Block(0, SOUND[:500]), Block(start, SOUND[: FRAME + 5])])
    assert frames == [(0, SOUND[:FRAME].tolist()), (start, SOUND[:FRAME].tolist())]


def test_dropout_is_found() -> None:
    """A dropout says which samples are missing, and whether speech around it may be joined."""
    framer = Framer()
    assert list(framer.push(Block(0, SOUND[:500])))
    assert framer.end == 500
    assert framer.find_dropout(Block(500, SOUND[:1])) is None
    assert framer.find_dropout(Block(510, SOUND[:1])) == Dropout(500, 510)
    assert not Dropout(500, 500 + MAX_BRIDGED).splits_speech
    assert Dropout(500, 500 + MAX_BRIDGED + 1).splits_speech


def test_block_in_the_past() -> None:
    """Audio that is delivered twice is a mistake of the caller."""
    framer = Framer()
    assert list(framer.push(Block(0, SOUND[:500])))
    with pytest.raises(ValueError, match=r"499.*500"):
        list(framer.push(Block(499, SOUND[:1])))
    assert framer.end == 500
