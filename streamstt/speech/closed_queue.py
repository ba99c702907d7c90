"""The closed utterances of one source that wait for the engine, oldest first. Pure."""

from collections import deque
from collections.abc import Iterator

from streamstt.speech.utterance import MAX_WINDOW, Utterance


class ClosedQueue:
    """Closed utterances in order; at most ``buffer_s`` of audio, because what the ring loses is popped.

    Attributes:
        decoding: The utterance whose job is out, which may still be open; None: no job is out.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self.decoding: Utterance | None = None
        self._waiting: deque[Utterance] = deque()

    @property
    def first(self) -> Utterance | None:
        """The oldest utterance; None: none waits."""
        return self._waiting[0] if self._waiting else None

    def append(self, utterance: Utterance, *, join_from: int | None) -> None:
        """Appends an utterance, or joins it to the last one, if neither has been decoded yet.

        The cost of a decode hardly grows with its audio, so a slow machine catches up instead of falling further
        behind.

        Args:
            utterance: It has just been closed.
            join_from: Joins only to an utterance that starts at this sample index or later; None: joins to none.
        """
        last = self._waiting[-1] if self._waiting else None
        end = utterance.end or utterance.start
        if last and join_from is not None and last.start >= join_from and end - last.start <= MAX_WINDOW:
            last_is_untouched = last is not self.decoding and not last.decode
            if last_is_untouched and not utterance.decoded_until and utterance is not self.decoding:
                last.end = end
                return
        self._waiting.append(utterance)

    def pop(self) -> Utterance:
        """Removes and returns the oldest utterance."""
        return self._waiting.popleft()

    def remove(self, utterance: Utterance) -> None:
        """Removes an utterance, wherever it waits."""
        self._waiting.remove(utterance)

    def pop_all(self) -> Iterator[Utterance]:
        """Removes all utterances, the oldest first."""
        while self._waiting:
            yield self._waiting.popleft()

    def pop_lost(self, ring_start: int) -> Iterator[Utterance]:
        """Removes the utterances whose audio the ring has overwritten, the oldest first.

        Args:
            ring_start: Sample index of the oldest audio in the ring.
        """
        while self._waiting and not self._has_audio(self._waiting[0], ring_start):
            yield self._waiting.popleft()

    def _has_audio(self, utterance: Utterance, ring_start: int) -> bool:
        """Returns whether the audio of an utterance is in the ring, or in the jobs of its decode."""
        return utterance is self.decoding or utterance.decode is not None or utterance.start >= ring_start
