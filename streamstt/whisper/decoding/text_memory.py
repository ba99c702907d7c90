"""What is kept of a text from one update to the next, so that committed tokens need not be read again.

Keys and values of a committed token were computed when a little less audio was known. It ends well before the end of
the audio, so they would be nearly the same now. Letters in shapes: A alignment heads, T positions of the window, V
vocabulary.
"""

from collections.abc import Callable

import torch
from torch.nn.functional import pad

from streamstt.whisper.network.decoder import DecoderOutput

MAX_MEMORIES = 8  # sources; a few megabytes each (base)
GUESS_CONTEXT = 6  # tokens before a token that was held back which must be the same for it to be expected again


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


class TextMemory:
    """Keeps what the decoder has read of one text.

    Attributes:
        kv_cache: Keys and values of its tokens, from ``Decoder.make_cache``.
    """

    def __init__(self, kv_cache: torch.Tensor) -> None:
        """Starts without a text."""
        self.kv_cache = kv_cache
        self._window_start: int | None = None
        self._known: list[int] = []  # tokens whose keys and values are kept
        self._attention: torch.Tensor | None = None  # of these tokens, (A, n, T)
        self._first_logits: torch.Tensor | None = None  # (V,)
        self._text_end: list[int] = []
        self._held_back: int | None = None

    def begin_window(self, start: int, *, final: bool) -> None:
        """Says of which window the next text is; must be called before each text that shall profit from the last one.

        Args:
            start: Sample index at which the window begins. In another window all tokens are read again.
            final: Whether the text is not decoded again: it is worth reading all tokens with the audio as it is.
        """
        if final or start != self._window_start:
            self._known = []
        self._window_start = start

    def n_kept(self, known: list[int], n_prompt: int) -> int:
        """Returns how many of the tokens need not be read: not the last one, whose logits are needed.

        Args:
            known: Prompt and committed tokens.
            n_prompt: Number of tokens in the prompt; unless there are others to be kept, all are read.
        """
        n = 0
        for token, kept in zip(known[:-1], self._known, strict=False):
            if token != kept:
                break
            n += 1
        return n if n > n_prompt else 0

    def guess(self, text: list[int]) -> list[int]:
        """Returns the tokens that probably follow a text: the one that was held back after it, or none."""
        if self._held_back is None or text[-GUESS_CONTEXT:] != self._text_end:
            return []
        return [self._held_back]

    def complete(self, output: DecoderOutput, n_kept: int) -> DecoderOutput:
        """Adds the first logits and the attention of the tokens that were not read to the output of a first pass."""
        if not n_kept:
            return output
        assert self._attention is not None
        assert self._first_logits is not None
        length = output.attention.shape[2]
        kept = self._attention[:, :n_kept, :length]  # (A, n_kept, up to T)
        kept = pad(kept, (0, length - kept.shape[2]))  # (A, n_kept, T)
        return DecoderOutput(
            torch.cat([self._first_logits[None], output.logits]), torch.cat([kept, output.attention], dim=1)
        )

    def keep(self, known: list[int], attention: torch.Tensor, first_logits: torch.Tensor) -> None:
        """Keeps what was read of the prompt and the committed tokens.

        Args:
            known: These tokens.
            attention: Their attention, shape (A, n, T).
            first_logits: Logits after the start token, shape (V,).
        """
        self._known, self._attention, self._first_logits = known, attention, first_logits

    def keep_end(self, text: list[int], held_back: int | None) -> None:
        """Keeps the end of the text, and the token after it that was not written because audio is still to come."""
        self._text_end, self._held_back = text[-GUESS_CONTEXT:], held_back


class TextMemories:
    """The memories of the texts of several sources; those of the sources that were used last are kept."""

    def __init__(self, make_cache: Callable[[], torch.Tensor]) -> None:
        """Starts without memories.

        Args:
            make_cache: Allocates keys and values of one text; see ``Decoder.make_cache``.
        """
        self._make_cache = make_cache
        self._by_source: dict[str, TextMemory] = {}

    def recall(self, source: str, window_start: int, *, final: bool) -> TextMemory:
        """Returns the memory of a source's text; arguments as of ``TextMemory.begin_window``."""
        memory = self._by_source.pop(source, None)
        if memory is None:
            if len(self._by_source) >= MAX_MEMORIES:
                del self._by_source[next(iter(self._by_source))]  # the least recently used
            memory = TextMemory(self._make_cache())
        self._by_source[source] = memory
        memory.begin_window(window_start, final=final)
        return memory

    def forget(self, source: str) -> None:
        """Frees the memory of a source that is silent."""
        self._by_source.pop(source, None)
