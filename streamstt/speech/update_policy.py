"""When an utterance is decoded while somebody speaks: soon after its start, then at intervals, and in each pause."""

from enum import IntEnum

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.speech.utterance import Utterance

WORD_END_PAUSE = samples_from_ms(300)  # samples without speech: the last word is over, and is decoded at once


class DecodeNeed(IntEnum):
    """The kind of decode that a session needs; the greater, the more urgent."""

    NOTHING = 0
    PARTIAL = 1
    FINAL = 2


def is_due(utterance: Utterance, now: int, last_voiced_end: int, settings: SpeechSettings) -> bool:
    """Returns whether an open utterance should be decoded now.

    Args:
        utterance: The open utterance.
        now: Sample index up to which there is audio.
        last_voiced_end: Sample index of the end of the last frame with speech.
        settings: Settings of the ``[speech]`` section.
    """
    if utterance.decode_now:
        return True
    if not utterance.decoded_until:
        return now - utterance.start >= samples_from_ms(settings.first_update_ms + settings.pre_roll_ms)
    if utterance.decoded_until < last_voiced_end + WORD_END_PAUSE <= now:
        return True
    return now - utterance.decoded_until >= samples_from_ms(settings.update_ms)


def overdue(utterance: Utterance, now: int, settings: SpeechSettings) -> int:
    """Returns how long ago an utterance that is due should have been decoded.

    Args:
        utterance: An open utterance that is due.
        now: Sample index up to which there is audio.
        settings: Settings of the ``[speech]`` section.

    Returns:
        Number of samples, 0 or more.
    """
    first = utterance.start + samples_from_ms(settings.pre_roll_ms)
    return max(0, now - max(utterance.decoded_until, first) - samples_from_ms(settings.update_ms))
