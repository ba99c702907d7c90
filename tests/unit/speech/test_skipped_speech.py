"""An engine that skips speech, as Whisper does now and then: the session notices, and has it decoded again."""

from dataclasses import replace

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.speech.closed_decode import MAX_DEPTH
from streamstt.speech.reliability import MAX_WORD, MIN_UNRECOGNIZED
from tests.support.drawing import assert_caption_rules, final_words, finals, frames, make_session, play
from tests.support.unreliable_engines import TALK, HallucinatingEngine, SkippingEngine

SENTENCES = (9, 15, 19)  # words up to the end of each
LATE = SpeechSettings(first_update_ms=5000, update_ms=5000, max_utterance_s=28, window_s=28, max_caption_s=28)


def run(first: int, last: int) -> tuple[list[str], list[Job]]:
    engine = SkippingEngine(TALK.engine, first, last, [])
    events = play(make_session(LATE), frames(TALK), engine)
    assert_caption_rules(events)
    assert finals(events)
    return final_words(events), engine.jobs


@pytest.mark.parametrize(
    ("first", "last"), [(0, 9), (9, 15), (9, 19), (15, 19)], ids=["beginning", "middle", "two sentences", "end"]
)
def test_skipped_speech_is_decoded_again(first: int, last: int) -> None:
    """Speech that no word stands for is decoded again by itself: at the beginning, in the middle and at the end."""
    words, jobs = run(first, last)
    assert words == TALK.text
    final_jobs = [j for j in jobs if j.final]
    assert 2 <= len(final_jobs) <= 6, "a few decodes, not a search"


def test_nothing_was_skipped() -> None:
    """When every word takes as long as words do, the utterance is decoded once."""
    words, jobs = run(0, 0)
    assert words == TALK.text
    assert sum(j.final for j in jobs) == 1


class FirstWordOnly:
    """An engine that recognizes the first word only, however often it decodes."""

    info = TALK.engine.info

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        hypothesis = TALK.engine.decode(job)
        has_first = job.final and hypothesis.words and hypothesis.words[0].text == " First"
        return replace(hypothesis, words=hypothesis.words[:1] if has_first else ())


def test_retries_are_bounded() -> None:
    """Speech that has no words the second time is given up."""
    engine = FirstWordOnly()
    assert final_words(play(make_session(LATE), frames(TALK), engine)) == ["First"]
    assert len([j for j in engine.jobs if j.final]) == 2


def test_limits() -> None:
    """Unrecognized speech is longer than a misrecognized word, and no word is as long as what is split."""
    assert samples_from_ms(500) < MIN_UNRECOGNIZED < MAX_WORD


@pytest.mark.parametrize("length", [samples_from_ms(20), samples_from_ms(500), samples_from_ms(30_000)])
def test_made_up_words_are_not_retried_for_ever(length: int) -> None:
    """A word that stands at the beginning of any audio, however long, neither fills the screen nor keeps the engine."""
    engine = HallucinatingEngine(length)
    words = final_words(play(make_session(LATE), frames(TALK), engine))
    assert 1 <= len(words) <= 2**MAX_DEPTH
    assert sum(j.final for j in engine.jobs) <= 2 ** (MAX_DEPTH + 1)
