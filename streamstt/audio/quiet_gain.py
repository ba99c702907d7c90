"""Amplifies quiet audio for the voice detectors, which would not find speech far below the usual levels. Pure.

Both detectors hear less the quieter a voice is, and nothing from a peak of about -60 dBFS on, though Whisper recognizes
it. What the engine decodes is not amplified: Whisper's spectrogram hardly depends on the level.
"""

import numpy as np

from streamstt.audio.format import FRAME, SAMPLE_RATE, Samples

# The peak that quiet audio is brought to, -42 dBFS: no more than detectors need to find speech, for what is not speech
# grows with it.
TARGET = 10 ** (-42 / 20)
MAX_GAIN = 100.0  # 40 dB: brings a peak of -82 dBFS to the target
MAX_FLOOR = 1e-3  # -60 dBFS: amplified noise stays below this peak, where no detector takes steady noise for speech
LOWEST_FLOOR = 1 / 32768  # below one bit there is nothing to amplify
MIN_PEAK = 2.5 / 32768  # -82 dBFS: when only the lowest two bits toggle, any sound may look like a voice
FRAME_S = FRAME / SAMPLE_RATE
RELEASE = 10 ** (-10 * FRAME_S / 20)  # a frame: the peak falls by 10 dB a second, so a knock is soon forgotten
CEILING_RELEASE = 10 ** (-1 * FRAME_S / 20)  # a frame: 1 dB a second, so that pauses of a quiet voice do not count
FLOOR_RISE = 10 ** (3 * FRAME_S / 20)  # a frame: the floor rises by 3 dB a second, less than in a sentence


class QuietGain:
    """The gain of one stream: 1 for audio of usual level, more for quiet audio, by its recent peak and noise floor."""

    def __init__(self) -> None:
        self._peak = 0.0  # largest recent sample
        self._ceiling = 0.0  # largest sample of the last half minute or so
        self._floor = 0.0  # peak of the quietest recent frame; 0: none has come

    def apply(self, frame: Samples) -> Samples:
        """Returns the next frame, shape (320,), amplified so that its peak does not exceed the target."""
        peak = max(float(frame.max()), -float(frame.min()))
        self._peak = max(peak, self._peak * RELEASE)
        self._ceiling = max(peak, self._ceiling * CEILING_RELEASE)
        self._floor = max(LOWEST_FLOOR, min(peak, self._floor * FLOOR_RISE) if self._floor else peak)
        if self._ceiling <= MIN_PEAK or self._peak >= TARGET or self._floor >= MAX_FLOOR:
            return frame
        gain = min(TARGET / self._peak, MAX_FLOOR / self._floor, MAX_GAIN)
        return frame * np.float32(gain)
