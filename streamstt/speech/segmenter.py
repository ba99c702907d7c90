"""Frames in, utterances out: where speech begins, where it ends, and where to cut when it does not end.

A state machine: ``Phase`` and ``TRANSITIONS`` say what may follow what, ``Segmenter`` says when.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from streamstt.audio.format import FRAME, FRAME_MS, Samples, samples_from_ms
from streamstt.config.settings import SpeechSettings

PAUSE_FRAMES = 15  # 300 ms: longer than the closure of a consonant, shorter than a breath


class Phase(Enum):
    """Where the stream stands."""

    QUIET = auto()
    SPEECH = auto()
    PAUSE = auto()  # inside an utterance, but nobody speaks: the hang-over


class Observation(Enum):
    """What a frame can mean."""

    ONSET = auto()  # enough speech to open an utterance
    VOICED = auto()
    UNVOICED = auto()  # a frame without speech
    SILENCE = auto()  # enough of them to close the utterance
    FULL = auto()  # the utterance has its maximum length
    BREAK = auto()  # the audio ends or has a hole


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
    """An utterance begins at this sample index, pre-roll included; ``cut`` when it goes on from the one before."""

    at: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The utterance ends at this sample index; ``cut`` when speech goes on in the next one."""

    at: int
    cut: bool = False


Boundary = Opened | Closed


@dataclass(frozen=True, slots=True)
class _ClassifiedFrame:
    start: int
    voiced: bool
    energy: float


def mean_square(frame: Samples) -> float:
    """Mean square of a frame."""
    return float(np.dot(frame, frame)) / FRAME


class Segmenter:
    """Turns judged frames into boundaries. Positions are sample indices."""

    def __init__(self, settings: SpeechSettings) -> None:
        self.update_settings(settings)
        self.phase = Phase.QUIET
        # Quiet: twice the onset, to count the speech in it. Speech: the utterance so far (max_utterance_s of frames).
        self._frames: deque[_ClassifiedFrame] = deque()
        self._start = 0
        self.last_voiced_end = 0
        self._closed_at = 0  # the pre-roll must not reach back further
        self._next_start = 0

    def update_settings(self, settings: SpeechSettings) -> None:
        """Takes other limits from the next frame on."""
        self._onset_frames = max(1, settings.min_speech_ms // FRAME_MS)
        self._pre_roll = samples_from_ms(settings.pre_roll_ms)
        self._hang_over = samples_from_ms(settings.end_silence_ms)
        self._max_utterance = samples_from_ms(settings.max_utterance_s * 1000)

    def push(self, start: int, voiced: bool, energy: float, earliest_cut: int = 0) -> tuple[Boundary, ...]:
        """Takes the next frame.

        Args:
            start: Sample index of the frame.
            voiced: What the detector says of it.
            energy: Its mean square.
            earliest_cut: A cut must not come before this sample index (words up to there are committed).

        Returns:
            What happened, in order; the caller acts on each.
        """
        if start != self._next_start:  # after a hole: there is no audio before this frame
            self._closed_at = start
        self._next_start = start + FRAME
        self._frames.append(_ClassifiedFrame(start, voiced, energy))
        if voiced:
            self.last_voiced_end = start + FRAME
        return self._apply(self._observe(start + FRAME, voiced), start + FRAME, earliest_cut)

    def trim(self, at: int) -> None:
        """The open utterance goes on from here: what lies before is done with."""
        self._start = max(self._start, at)
        while self._frames and self._frames[0].start < self._start:
            self._frames.popleft()

    def interrupt(self, at: int) -> tuple[Boundary, ...]:
        """The audio stops at ``at``: closes what is open and forgets the frames before it."""
        boundaries = self._apply(Observation.BREAK, at, at)
        self._frames.clear()
        self._closed_at = at
        return boundaries

    def _observe(self, now: int, voiced: bool) -> Observation:
        if self.phase is Phase.QUIET:
            while len(self._frames) > 2 * self._onset_frames:
                self._frames.popleft()
            if voiced and sum(f.voiced for f in self._frames) >= self._onset_frames:
                return Observation.ONSET
        elif self.phase is Phase.PAUSE and not voiced and now - self.last_voiced_end >= self._hang_over:
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
        """The middle of the quietest stretch after ``earliest``: what the detector calls speech may be a pause."""
        # Before the last voiced frame: what follows the cut must hold speech.
        candidates = [f for f in self._frames if earliest <= f.start < self.last_voiced_end] or [self._frames[-1]]
        energies = np.array([f.energy for f in candidates])
        width = min(PAUSE_FRAMES, len(energies))
        nearness = np.hanning(width + 2)[1:-1]  # (width,), most in the middle: a short pause is cut in its middle too
        around = np.convolve(energies, nearness, mode="valid")  # (len(candidates) - width + 1,)
        return candidates[int(np.argmin(around)) + width // 2].start
