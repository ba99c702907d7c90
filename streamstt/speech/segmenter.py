"""Divides frames into utterances: where speech begins, where it ends, and where to cut when it does not end.

A state machine: ``Phase`` and ``TRANSITIONS`` define what may follow what, ``Segmenter`` decides when.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from streamstt.audio.format import FRAME, FRAME_MS, Samples, samples_from_ms
from streamstt.config.settings import SpeechSettings

UNFINISHED_FACTOR = 2  # so much longer is the silence that ends an utterance after "the" or "Dr."
PAUSE_FRAMES = 15  # 300 ms: longer than the closure of a consonant, shorter than a breath


class Phase(Enum):
    """The state of the segmenter."""

    QUIET = auto()
    SPEECH = auto()
    PAUSE = auto()  # in an utterance, but nobody speaks: the hangover


class Observation(Enum):
    """What a frame, or the end of the audio, means to the segmenter."""

    ONSET = auto()  # enough speech to open an utterance
    VOICED = auto()  # a frame with speech
    UNVOICED = auto()  # a frame without speech
    SILENCE = auto()  # enough frames without speech to close the utterance
    FULL = auto()  # the utterance has its maximum length
    BREAK = auto()  # the audio ends, or has a dropout


TRANSITIONS: dict[tuple[Phase, Observation], Phase] = {
    (Phase.QUIET, Observation.ONSET): Phase.SPEECH,
    (Phase.QUIET, Observation.VOICED): Phase.QUIET,
    (Phase.QUIET, Observation.UNVOICED): Phase.QUIET,
    (Phase.QUIET, Observation.BREAK): Phase.QUIET,
    (Phase.SPEECH, Observation.VOICED): Phase.SPEECH,
    (Phase.SPEECH, Observation.UNVOICED): Phase.PAUSE,
    (Phase.SPEECH, Observation.FULL): Phase.SPEECH,
    (Phase.SPEECH, Observation.BREAK): Phase.QUIET,
    (Phase.PAUSE, Observation.VOICED): Phase.SPEECH,
    (Phase.PAUSE, Observation.UNVOICED): Phase.PAUSE,
    (Phase.PAUSE, Observation.SILENCE): Phase.QUIET,
    (Phase.PAUSE, Observation.FULL): Phase.PAUSE,
    (Phase.PAUSE, Observation.BREAK): Phase.QUIET,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An utterance begins.

    Attributes:
        at: Sample index of its start, pre-roll included.
        cut: Whether speech goes on from the previous utterance.
    """

    at: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The open utterance ends.

    Attributes:
        at: Sample index of its end.
        cut: Whether speech goes on in the next utterance.
    """

    at: int
    cut: bool = False


Boundary = Opened | Closed


@dataclass(frozen=True, slots=True)
class _ClassifiedFrame:
    start: int
    voiced: bool
    energy: float


def mean_square(frame: Samples) -> float:
    """Returns the mean square of a frame, shape (320,)."""
    return float(np.dot(frame, frame)) / FRAME


class Segmenter:
    """Turns frames that are classified as speech or not into the boundaries of utterances.

    Positions are sample indices.

    Attributes:
        phase: State of the state machine.
        last_voiced_end: End of the last frame with speech.
    """

    def __init__(self, settings: SpeechSettings) -> None:
        """Starts at sample 0, in silence.

        Args:
            settings: Settings of the ``[speech]`` section.
        """
        self.update_settings(settings)
        self.phase = Phase.QUIET
        # In quiet, twice the onset, to count the speech in it; in an utterance, all of it (at most max_utterance_s).
        self._frames: deque[_ClassifiedFrame] = deque()
        self._start = 0
        self.last_voiced_end = 0
        self._closed_at = 0  # the pre-roll must not reach back beyond it
        self._next_start = 0

    def update_settings(self, settings: SpeechSettings) -> None:
        """Replaces the limits from the next frame on."""
        self._onset_frames = max(1, settings.min_speech_ms // FRAME_MS)
        self._pre_roll = samples_from_ms(settings.pre_roll_ms)
        self._hangover = samples_from_ms(settings.end_silence_ms)
        self._max_utterance = samples_from_ms(settings.max_utterance_s * 1000)

    def push(
        self, start: int, voiced: bool, energy: float, earliest_cut: int = 0, *, calls_for_more: bool = False
    ) -> tuple[Boundary, ...]:
        """Processes the next frame.

        Args:
            start: Sample index of the frame.
            voiced: Whether the detector found speech in it.
            energy: Its mean square.
            earliest_cut: Sample index before which a cut must not be (words up to there are committed).
            calls_for_more: Whether somebody paused inside a phrase, so that a longer silence ends the utterance.

        Returns:
            The boundaries that this frame completes, in order; the caller acts on each.
        """
        if start != self._next_start:  # after a dropout: there is no audio before this frame
            self._closed_at = start
        self._next_start = start + FRAME
        self._frames.append(_ClassifiedFrame(start, voiced, energy))
        if voiced:
            self.last_voiced_end = start + FRAME
        hangover = self._hangover * (UNFINISHED_FACTOR if calls_for_more else 1)
        return self._apply(self._observe(start + FRAME, voiced, hangover), start + FRAME, earliest_cut)

    def trim(self, at: int) -> None:
        """Drops the part of the open utterance before a sample index, which is not decoded again."""
        self._start = max(self._start, at)
        while self._frames and self._frames[0].start < self._start:
            self._frames.popleft()

    def interrupt(self, at: int) -> tuple[Boundary, ...]:
        """Closes the open utterance at the sample index where the audio stops, and drops the frames before.

        Returns:
            The boundaries, in order.
        """
        boundaries = self._apply(Observation.BREAK, at, at)
        self._frames.clear()
        self._closed_at = at
        return boundaries

    def _observe(self, now: int, voiced: bool, hangover: int) -> Observation:
        if self.phase is Phase.QUIET:
            while len(self._frames) > 2 * self._onset_frames:
                self._frames.popleft()
            if voiced and sum(f.voiced for f in self._frames) >= self._onset_frames:
                return Observation.ONSET
        elif self.phase is Phase.PAUSE and not voiced and now - self.last_voiced_end >= hangover:
            return Observation.SILENCE
        elif now - self._start >= self._max_utterance:
            return Observation.FULL
        return Observation.VOICED if voiced else Observation.UNVOICED

    def _apply(self, observation: Observation, now: int, earliest_cut: int) -> tuple[Boundary, ...]:
        before = self.phase
        try:
            self.phase = TRANSITIONS[before, observation]
        except KeyError:
            raise RuntimeError(f"{observation.name} cannot happen in {before.name}") from None
        if observation is Observation.ONSET:
            first = next(f.start for f in self._frames if f.voiced)
            self._start = max(first - self._pre_roll, self._closed_at, 0)
            return (Opened(self._start),)
        if observation is Observation.FULL:
            self._start = self._best_pause(max(earliest_cut, self._start + self._max_utterance // 2))
            while self._frames and self._frames[0].start < self._start:
                self._frames.popleft()
            return Closed(self._start, cut=True), Opened(self._start, cut=True)
        if before is not Phase.QUIET and self.phase is Phase.QUIET:
            self._frames.clear()
            self._closed_at = now
            return (Closed(now),)
        return ()

    def _best_pause(self, earliest: int) -> int:
        """Returns the middle of the quietest 300 ms after ``earliest``; the detector may have called a pause speech."""
        # Only before the last frame with speech: what follows the cut must hold speech.
        candidates = [f for f in self._frames if earliest <= f.start < self.last_voiced_end] or [self._frames[-1]]
        energies = np.array([f.energy for f in candidates])
        width = min(PAUSE_FRAMES, len(energies))
        window = np.hanning(width + 2)[1:-1]  # (width,), highest in the middle: so a short pause is cut in its middle
        smoothed = np.convolve(energies, window, mode="valid")  # (len(candidates) - width + 1,)
        return candidates[int(np.argmin(smoothed)) + width // 2].start
