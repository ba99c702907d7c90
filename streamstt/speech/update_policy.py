"""When speech that goes on is heard again: soon after it begins, at the pace of words, at once when somebody pauses."""

from enum import IntEnum

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.speech.utterance import Utterance

WORD_END_PAUSE = samples_from_ms(300)  # samples without speech, after which the last word is over, and is heard at once


class DecodeNeed(IntEnum):
    """What the session wants of the engine, by urgency."""

    NOTHING = 0
    PARTIAL = 1
    FINAL = 2


def is_due(utterance: Utterance, now: int, last_voiced_end: int, settings: SpeechSettings) -> bool:
    """Whether an utterance that is still spoken should be decoded.

    Args:
        utterance: What is spoken.
        now: Sample index up to which there is audio.
        last_voiced_end: Sample index where somebody last spoke.
        settings: The ``[speech]`` section.
    """
    if utterance.decode_now:
        return True
    if not utterance.decoded_until:
        return now - utterance.start >= samples_from_ms(settings.first_update_ms + settings.pre_roll_ms)
    if utterance.decoded_until < last_voiced_end + WORD_END_PAUSE <= now:
        return True
    return now - utterance.decoded_until >= samples_from_ms(settings.update_ms)


def overdue(utterance: Utterance, now: int, settings: SpeechSettings) -> int:
    """Samples that came since an utterance that is due should have been decoded; arguments as of ``is_due``."""
    first = utterance.start + samples_from_ms(settings.pre_roll_ms)
    return max(0, now - max(utterance.decoded_until, first) - samples_from_ms(settings.update_ms))
