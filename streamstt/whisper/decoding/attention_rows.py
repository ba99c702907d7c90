"""The attention of the tokens of a text. Letters in shapes: A alignment heads, n tokens, T positions of the window."""

import torch


class AttentionRows:
    """The attention of a text's tokens, which is extended without copying what is there."""

    def __init__(self, first: torch.Tensor, capacity: int) -> None:
        """Starts with some rows.

        Args:
            first: Shape (A, n, T).
            capacity: Most rows; memory is taken as they are filled.
        """
        self._capacity = capacity
        self._rows = first  # (A, capacity, T) as soon as there are others than the first

    def write(self, start: int, rows: torch.Tensor) -> None:
        """Writes rows, (A, n, T), from index ``start`` on."""
        heads, n, positions = rows.shape
        if self._rows.shape[1] < self._capacity:
            first = self._rows[:, :start]
            self._rows = rows.new_empty(heads, self._capacity, positions)
            self._rows[:, :start] = first
        self._rows[:, start : start + n] = rows

    def up_to(self, n: int) -> torch.Tensor:
        """Returns the first n rows, (A, n, T)."""
        return self._rows[:, :n]
