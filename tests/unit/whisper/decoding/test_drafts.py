"""Following a text through its draft."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.whisper.decoding.drafts import MAX_PROPOSAL, UNSURE_PROPOSAL, Draft
from tests.support.drawing import PROPERTY

DRAFT = list(range(100, 160))


def n_passes(draft: list[int], text: list[int]) -> int:
    """Counts the passes of a decoder that writes ``text``: each verifies what is proposed at its time."""
    state, passes, at = Draft(draft), 1, 0
    proposal = state.proposal(1000)
    while at < len(text):
        token = text[at]
        state.advance(token)
        at += 1
        if proposal and proposal.pop(0) == token:
            continue
        proposal = state.proposal(1000)
        passes += 1
    return passes


def test_the_same_text() -> None:
    """A text that is its draft takes a pass for every few tokens."""
    assert n_passes(DRAFT, DRAFT) <= -(-len(DRAFT) // (MAX_PROPOSAL + 1)) + 1
    assert n_passes([], DRAFT) == len(DRAFT) + 1


@pytest.mark.parametrize(
    "text",
    [
        [*DRAFT[:20], 1, *DRAFT[21:]],
        [*DRAFT[:20], 1, 2, 3, *DRAFT[21:]],
        [*DRAFT[:20], *DRAFT[23:]],
        [*DRAFT[:20], 1, 2, *DRAFT[20:]],
        [1, 2, *DRAFT[4:]],
    ],
    ids=["one for one", "three for one", "three missing", "two new", "at the start"],
)
def test_a_mistake_is_passed(text: list[int]) -> None:
    """After words that differ, the draft is followed again."""
    assert n_passes(DRAFT, text) <= n_passes(DRAFT, DRAFT) + 6


@given(st.lists(st.integers(0, 5), max_size=40), st.lists(st.integers(0, 5), max_size=40), st.integers(0, 20))
@PROPERTY
def test_any_text(draft: list[int], text: list[int], limit: int) -> None:
    """Proposals come from the draft in its order, are no longer than allowed, and short while the text differs."""
    state = Draft(draft)
    for token in text:
        state.advance(token)
        proposal = state.proposal(limit)
        assert len(proposal) <= min(limit, MAX_PROPOSAL)
        assert not proposal or any(draft[i : i + len(proposal)] == proposal for i in range(len(draft)))
        assert token in draft or len(proposal) <= UNSURE_PROPOSAL
    assert n_passes(draft, text) <= len(text) + 1
