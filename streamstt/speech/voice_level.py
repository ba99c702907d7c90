"""Notices a voice that is too quiet to be recognized. Pure."""

from collections import deque

from streamstt.audio.format import FRAME, SAMPLE_RATE, Samples

MIN_PEAK = 10 ** (-70 / 20)  # full scale 1; below, Whisper makes words up
WINDOW = 60  # s that are looked back
MIN_VOICED = 5 * SAMPLE_RATE // FRAME  # frames: speech in them; less may be a sound that is taken for speech
FRAMES_A_SECOND = SAMPLE_RATE // FRAME

TOO_QUIET = "There is a voice, but it is too quiet to be heard: turn the volume of its microphone up."


class VoiceLevel:
    """How loud the voice of a source was in the last minute.

    Attributes:
        too_quiet: Whether there was speech, and none of it loud enough.
        was_too_quiet: Whether ``too_quiet`` ever was true.
    """

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, float]] = deque(maxlen=WINDOW)  # of each: frames with speech, their peak
        self._frames = self._voiced = 0  # of the present second
        self._peak = 0.0
        self.too_quiet = False
        self.was_too_quiet = False

    def push(self, frame: Samples, voiced: bool) -> None:
        """Measures the next frame, shape (320,).

        Args:
            frame: As it was recorded, not amplified.
            voiced: Whether the detector found speech in it.
        """
        self._frames += 1
        if voiced:
            self._voiced += 1
            self._peak = max(self._peak, float(frame.max()), -float(frame.min()))
        if self._frames < FRAMES_A_SECOND:
            return
        self._seconds.append((self._voiced, self._peak))
        self._frames, self._voiced, self._peak = 0, 0, 0.0
        enough = sum(voiced for voiced, _ in self._seconds) >= MIN_VOICED
        self.too_quiet = enough and max(peak for _, peak in self._seconds) < MIN_PEAK
        self.was_too_quiet |= self.too_quiet
