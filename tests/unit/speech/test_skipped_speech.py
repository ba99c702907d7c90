"""An engine that leaves out what it heard, as Whisper does now and then: the session notices and asks again."""

from dataclasses import replace

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.speech.reliability import MAX_RETRIES, MIN_SKIPPED, MIN_UNRECOGNIZED
from tests.support.drawing import assert_promises_kept, finals, frames, play, said, session
from tests.support.unreliable_engines import TALK, HallucinatingEngine, SkippingEngine

SENTENCES = (9, 15, 19)  # words up to the end of each
LATE = SpeechSettings(first_update_ms=5000, update_ms=5000, max_utterance_s=28, window_s=28, max_caption_s=28)


def listen(first: int, last: int) -> tuple[list[str], list[Job]]:
    engine = SkippingEngine(TALK.engine, first, last, [])
    events = play(session(LATE), frames(TALK), engine)
    assert_promises_kept(events)
    assert finals(events)
    return said(events), engine.jobs


@pytest.mark.parametrize(
    ("first", "last"), [(0, 9), (9, 15), (9, 19), (15, 19)], ids=["beginning", "middle", "two sentences", "end"]
)
def test_what_was_skipped_is_heard_after_all(first: int, last: int) -> None:
    """Speech that no word stands for is decoded again by itself: at the beginning, in the middle and at the end."""
    words, jobs = listen(first, last)
    assert words == TALK.text
    again = [j for j in jobs if j.final]
    assert 2 <= len(again) <= 6, "a few decodes, not a search"


def test_nothing_was_skipped() -> None:
    """When every word takes as long as words do, the utterance is decoded once."""
    words, jobs = listen(0, 0)
    assert words == TALK.text
    assert sum(j.final for j in jobs) == 1


class Silent:
    """Hears the first word only, however often it is asked."""

    info = TALK.engine.info

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        heard = TALK.engine.decode(job)
        knows = job.final and heard.words and heard.words[0].text == " First"
        return replace(heard, words=heard.words[:1] if knows else ())


def test_it_does_not_insist() -> None:
    """What the engine has no words for the second time is let go."""
    engine = Silent()
    assert said(play(session(LATE), frames(TALK), engine)) == ["First"]
    assert len([j for j in engine.jobs if j.final]) == 2


def test_limits() -> None:
    """What counts as unheard is longer than a word that was misheard, and no word is as long as what is split."""
    assert samples_from_ms(500) < MIN_UNRECOGNIZED < MIN_SKIPPED


@pytest.mark.parametrize("length", [samples_from_ms(20), samples_from_ms(500), samples_from_ms(30_000)])
def test_what_is_made_up_is_not_asked_for_again_and_again(length: int) -> None:
    """A word that stands at the beginning of any audio, however long, neither fills the screen nor keeps the engine."""
    engine = HallucinatingEngine(length)
    words = said(play(session(LATE), frames(TALK), engine))
    assert 1 <= len(words) <= 2**MAX_RETRIES
    assert sum(j.final for j in engine.jobs) <= 2 ** (MAX_RETRIES + 1)
