"""Proposes how a text goes on, from a draft of it: what was written earlier for the same audio, or a little less of it.

Knows nothing of the decoder, which verifies every proposal.
"""

from collections.abc import Sequence

MAX_PROPOSAL = 16  # tokens verified in one pass: a wrong word makes the rest of them useless
UNSURE_PROPOSAL = 4  # tokens, while the text differs from the draft: the next ones may be those of the draft again
MAX_SKIP = 8  # tokens of the draft that the text may lack, for its next token to be found after them


class Draft:
    """Follows a text through its draft, from which it may differ in words that are replaced, missing or new."""

    def __init__(self, tokens: Sequence[int]) -> None:
        """Starts at the beginning of the text.

        Args:
            tokens: The draft; may be empty.
        """
        self._tokens = list(tokens)
        self._anchor = 0  # index after the last token that the text and the draft have in common
        self._n_others = 0  # tokens that the text has had since then

    def proposal(self, limit: int) -> list[int]:
        """Returns the tokens that probably come next, at most ``limit``; none at the end of the draft."""
        start = self._anchor + self._n_others  # tokens that differ probably replace as many
        length = min(UNSURE_PROPOSAL if self._n_others else MAX_PROPOSAL, limit)
        return self._tokens[start : start + length]

    def advance(self, token: int) -> None:
        """Takes the next token of the text, and finds it in the draft: at the place nearest to where it is expected."""
        expected = self._anchor + self._n_others
        places = [i for i in range(self._anchor, expected + MAX_SKIP) if self._tokens[i : i + 1] == [token]]
        if places:
            self._anchor = min(places, key=lambda i: abs(i - expected)) + 1
            self._n_others = 0
        else:
            self._n_others += 1
