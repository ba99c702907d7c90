"""Speech without a pause: the session listens to the end of it only, and nobody who reads the captions can tell."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job, RecognizedWord
from streamstt.events import Event
from streamstt.speech.cut_points import MIN_KEPT, NEW_START_PAUSE, PAUSE_SEARCH_AFTER, PAUSE_SEARCH_BEFORE
from streamstt.speech.decode_window import MAX_CONTINUATIONS
from streamstt.speech.reliability import MIN_UNRECOGNIZED
from tests.support.drawing import (
    FRAMES_A_SECOND,
    PROPERTY,
    Talk,
    assert_promises_kept,
    draw,
    frames,
    gaps,
    play,
    said,
    session,
    tell,
)

NARROW = SpeechSettings(window_s=4, update_ms=300)
"""Trims often."""
ENDLESS = tell(" ".join(f"w{i}" for i in range(400)))
"""Eighty seconds without a pause, and no sentence in it."""


@dataclass
class Through:
    """An engine that hears what another one does, changed."""

    spoken: Engine
    change: Callable[[Job, tuple[RecognizedWord, ...]], tuple[RecognizedWord, ...]]
    logprob: float = -0.1

    @property
    def info(self) -> EngineInfo:
        return self.spoken.info

    def decode(self, job: Job) -> Hypothesis:
        heard = self.spoken.decode(job)
        words = self.change(job, heard.words)
        return Hypothesis(job, words, heard.language, 0.0, self.logprob if words != heard.words else -0.1)


def listen(
    talk: Talk, speech: SpeechSettings | None = None, engine: Engine | None = None, delays: tuple[int, ...] = (0,)
) -> tuple[list[Event], list[Job]]:
    """What is published, and what the engine was asked."""
    jobs: list[Job] = []
    events = play(session(speech), frames(talk), engine or talk.engine, delays, jobs.append)
    return events, jobs


def assert_nothing_is_lost(talk: Talk, events: list[Event]) -> None:
    assert_promises_kept(events)
    assert gaps(events) == []
    assert said(events) == talk.text


def assert_bounded(jobs: list[Job], speech: SpeechSettings) -> None:
    """No job hears more than the window and what came since the update that filled it."""
    assert max(len(j.audio) for j in jobs) <= samples_from_ms(speech.window_s * 1000 + speech.update_ms)


# ---- the window


@pytest.mark.parametrize(("window_s", "update_ms"), [(4, 300), (4, 1000), (6, 600), (10, 600), (19, 900)])
def test_the_window_is_bounded(window_s: float, update_ms: int) -> None:
    """However long somebody speaks, an update listens to the window and no more; no word is lost or doubled."""
    speech = SpeechSettings(window_s=window_s, update_ms=update_ms)
    events, jobs = listen(ENDLESS, speech)
    assert_bounded(jobs, speech)
    assert_nothing_is_lost(ENDLESS, events)


def test_it_stays_one_utterance() -> None:
    """What is trimmed is not cut: the only final decode is that of the end."""
    _, jobs = listen(ENDLESS)
    assert [j.final for j in jobs[:-1]] == [False] * (len(jobs) - 1)
    assert jobs[-1].start > ENDLESS.words[-1][2] * FRAME - samples_from_ms(11_000)


def test_the_window_moves_on() -> None:
    """It moves forward only, and keeps what the next update should still hear."""
    _, jobs = listen(ENDLESS, NARROW)
    for before, after in pairwise(jobs):
        assert before.start <= after.start <= max(before.end - MIN_KEPT, before.start)
    assert len({j.start for j in jobs}) > 20


def test_the_engine_is_told_what_it_still_hears() -> None:
    """Committed words are given while they are in the audio, none of those from before, each as it was committed."""
    _, jobs = listen(ENDLESS, NARROW)
    known: dict[int, RecognizedWord] = {}
    for job in jobs:
        assert all((w.start + w.end) // 2 >= job.start for w in job.committed)
        assert all(a.end <= b.start for a, b in pairwise([*job.committed, *job.draft]))
        assert [known.setdefault(w.start, w) for w in job.committed] == list(job.committed)
    texts = [w.text.strip() for _, w in sorted(known.items())]
    assert texts == ENDLESS.text[: len(texts)]


def test_cut_between_sentences() -> None:
    """Where there are sentences, a window begins with one."""
    talk = tell(" ".join("we went home and then it was night." for _ in range(30)))
    events, jobs = listen(talk, SpeechSettings(window_s=6))
    assert_nothing_is_lost(talk, events)
    begins = [w.text for j in jobs if j.start > jobs[0].start for w in (*j.committed, *j.draft)[:1]]
    assert set(begins) == {" we"}


# ---- talks of any kind

words = st.sampled_from(["so", "then", "Wednesday", "perhaps", "he", "went.", "why?", "well,"])
short = st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.06, 0.16, 0.4])  # s: shorter than the hang-over


@st.composite
def speeches(draw_from: st.DrawFn) -> Talk:
    """Long speech with short pauses, no two words alike."""
    pattern = draw_from(st.lists(st.tuples(words, short), min_size=1, max_size=20))
    turns = [pattern[i % len(pattern)] for i in range(80)]
    return tell(*(part for i, (word, pause) in enumerate(turns) for part in (f"{i}{word}", pause)))


@settings(PROPERTY, max_examples=12)
@given(speeches(), st.sampled_from([300, 600]))
def test_any_long_speech(talk: Talk, update_ms: int) -> None:
    """Whatever is said, the window stays bounded, and captions keep their promises and every word."""
    speech = SpeechSettings(window_s=4, update_ms=update_ms)
    events, jobs = listen(talk, speech)
    assert_bounded(jobs, speech)
    assert_nothing_is_lost(talk, events)


@settings(PROPERTY, max_examples=12)
@given(speeches(), st.lists(st.sampled_from([0, 3, 15, 40, 100]), min_size=1, max_size=6))
def test_any_long_speech_with_a_slow_engine(talk: Talk, delays: list[int]) -> None:
    """The same words come from an engine that is late."""
    events, jobs = listen(talk, NARROW, delays=tuple(delays))
    assert_nothing_is_lost(talk, events)
    assert all(np.array_equal(j.audio, talk.audio[j.start : j.end]) for j in jobs)


@pytest.mark.parametrize("settled_ms", [600, 1500, 2400, 3000])
def test_an_engine_that_changes_its_mind(settled_ms: int) -> None:
    """Words that change with every update until they are old are committed late, and neither lost nor doubled."""

    def waver(job: Job, heard: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        if job.final:
            return heard
        return tuple(
            replace(w, text=f" {job.end}") if w.end > job.end - samples_from_ms(settled_ms) else w for w in heard
        )

    events, jobs = listen(ENDLESS, NARROW, Through(ENDLESS.engine, waver))
    assert_nothing_is_lost(ENDLESS, events)
    assert_bounded(jobs, NARROW)


# ---- nothing to hear


def laughter(seconds: int, gap: str = "s") -> Talk:
    """Words, then voices (or silence) without words, then words again."""
    first, then = tell("this is what he said to us"), tell("and so we went home again")
    from_frame, to_frame = first.words[0][1], first.words[-1][2]
    later = to_frame + seconds * FRAMES_A_SECOND - FRAMES_A_SECOND
    late = tuple((text, a + later, b + later) for text, a, b in then.words)
    between = gap * (late[0][1] - to_frame)
    said = "s" * (to_frame - from_frame), "s" * (late[-1][2] - late[0][1])
    picture = first.picture[:from_frame] + said[0] + between + said[1] + "." * FRAMES_A_SECOND
    return Talk(picture, (*first.words, *late))


@pytest.mark.parametrize(
    ("gap", "patience"), [("s", MIN_UNRECOGNIZED), (".", NEW_START_PAUSE)], ids=["voices", "silence"]
)
def test_a_new_beginning(gap: str, patience: int) -> None:
    """When somebody speaks and the engine hears nothing, and after a long pause, the window begins anew."""
    talk = laughter(4, gap)
    last = talk.words[6][2] * FRAME
    events, jobs = listen(talk, SpeechSettings(window_s=28, max_utterance_s=28, end_silence_ms=5000))
    old = [j for j in jobs if j.start == jobs[0].start]
    new = jobs[len(old) :]
    asked = [j.must_continue for j in jobs].count(True)
    assert asked == (MAX_CONTINUATIONS if gap == "s" else 0)
    # One update commits the words, and one lies between the two times that the engine is asked for more.
    assert patience <= old[-1].end - last < patience + samples_from_ms(SpeechSettings().update_ms) * (2 + asked // 2)
    assert (new[0].end == old[-1].end) is (gap == "s")  # a word may be waiting: at once
    assert {j.start for j in new} == {new[0].start}
    assert last - PAUSE_SEARCH_BEFORE // 2 <= new[0].start <= last + PAUSE_SEARCH_AFTER
    assert new[0].committed == ()
    assert_nothing_is_lost(talk, events)


def test_an_engine_that_thinks_all_is_said() -> None:
    """Told that somebody speaks, it says what follows, and goes on hearing it together with what was said before."""
    first, then = "this is what he said to us.", "and so we all went home again."
    talk = tell(f"{first} {then}")
    known = len(first.split())

    def stop(job: Job, heard: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        left = known - len(job.committed)
        return heard[: max(left, 0)] if left >= 0 and not job.must_continue else heard

    events, jobs = listen(talk, engine=Through(talk.engine, stop))
    assert_nothing_is_lost(talk, events)
    assert {j.start for j in jobs} == {jobs[0].start}
    told = [j for j in jobs if j.must_continue]
    assert told
    assert all(len(j.committed) == known for j in told)
    assert not jobs[-1].must_continue


@pytest.mark.parametrize("seconds", [1, 2, 4, 9, 15])
@pytest.mark.parametrize("speech", [pytest.param(SpeechSettings(), id="usual"), pytest.param(NARROW, id="narrow")])
def test_any_time_without_words(speech: SpeechSettings, seconds: int) -> None:
    """However long nothing is heard, no word of before or after is lost or doubled, and the window stays bounded."""
    talk = laughter(seconds)
    events, jobs = listen(talk, speech)
    assert_nothing_is_lost(talk, events)
    assert_bounded(jobs, speech)


def test_doubt_is_not_silence() -> None:
    """Words that are too doubtful to show are still words: the window does not begin anew."""
    talk = laughter(6)

    def mumble(job: Job, heard: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        return heard or (RecognizedWord(" mm", job.end - samples_from_ms(400), job.end, 0.1),)

    speech = SpeechSettings(window_s=28, max_utterance_s=28)
    events, jobs = listen(talk, speech, Through(talk.engine, mumble, logprob=-5.0))
    assert {j.start for j in jobs} == {jobs[0].start}
    assert_nothing_is_lost(talk, events)


def test_doubt_when_it_is_told_that_somebody_speaks() -> None:
    """Then words that are too doubtful to show are a guess: the window does begin anew."""
    talk = laughter(6)

    def guess(job: Job, heard: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        made_up = (RecognizedWord(" mm", job.end - samples_from_ms(400), job.end, 0.1),) if job.must_continue else ()
        return heard or made_up

    speech = SpeechSettings(window_s=28, max_utterance_s=28)
    events, jobs = listen(talk, speech, Through(talk.engine, guess, logprob=-5.0))
    assert len({j.start for j in jobs}) > 1
    assert_nothing_is_lost(talk, events)


# ---- memory


@pytest.mark.parametrize("text", ["w{}", "w{}."])
def test_an_endless_utterance_takes_no_room(text: str) -> None:
    """Minutes of speech leave no more words behind than the window and the open caption hold."""
    talk = tell(" ".join(text.format(i) for i in range(400)))
    stage = session(NARROW)
    most = 0
    for block in frames(talk):
        stage.push(block)
        while job := stage.next_job():
            stage.apply(talk.engine.decode(job))
            kept = stage._open.committed if stage._open else []
            most = max(most, len(kept))
            if kept:
                assert kept[-1].end - kept[0].start <= samples_from_ms(
                    1000 * (NARROW.window_s + NARROW.max_caption_s) + 2000
                )
    assert 0 < most < 100


def test_an_endless_talk_is_drawn() -> None:
    """The talks of these tests are what they say: speech from the first word to the last."""
    start, end = ENDLESS.words[0][1], ENDLESS.words[-1][2]
    assert set(ENDLESS.picture[start:end]) == {"s"}
    assert float(draw(ENDLESS.picture[start:end]).min()) > 0.1
