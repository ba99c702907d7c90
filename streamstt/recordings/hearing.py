"""Says what was wrong with the sound of a recording. Pure."""

from streamstt.audio.level import FLOOR_DB, AudioLevel
from streamstt.speech.voice_level import TOO_QUIET


def describe_hearing(level: AudioLevel, bad_samples: int, *, too_quiet: bool, heard: bool) -> str:
    """Returns in sentences what was wrong with the sound of a whole recording; empty: nothing.

    Args:
        level: Level of all of it.
        bad_samples: Number of samples that were no numbers or far too large.
        too_quiet: Whether there was a voice that is too quiet to be recognized.
        heard: Whether there are captions.
    """
    sentences = [TOO_QUIET] if too_quiet else []
    if not heard and level.peak <= FLOOR_DB:
        sentences.append("Nothing was heard: it is digital silence.")
    elif not heard:
        sentences.append(f"Nothing was heard; its level is {level.rms:g} dBFS, its peak {level.peak:g} dBFS.")
    if bad_samples:
        sentences.append(f"Samples that are no numbers, or far too large: {bad_samples}.")
    return " ".join(sentences)
