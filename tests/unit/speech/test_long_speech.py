"""Speech without a pause: only its end is decoded again, and the captions do not show it."""

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
    assert_caption_rules,
    draw,
    final_words,
    frames,
    gaps,
    make_session,
    make_talk,
    play,
)

NARROW = SpeechSettings(window_s=4, update_ms=300)
"""Trims often."""
ENDLESS = make_talk(" ".join(f"w{i}" for i in range(400)))
"""Eighty seconds without a pause, and no sentence in it."""


@dataclass
class Altered:
    """An engine that alters the words of another one."""

    engine: Engine
    change: Callable[[Job, tuple[RecognizedWord, ...]], tuple[RecognizedWord, ...]]
    logprob: float = -0.1

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    def decode(self, job: Job) -> Hypothesis:
        recognized = self.engine.decode(job)
        words = self.change(job, recognized.words)
        return Hypothesis(job, words, recognized.language, 0.0, self.logprob if words != recognized.words else -0.1)


def run(
    talk: Talk, speech: SpeechSettings | None = None, engine: Engine | None = None, delays: tuple[int, ...] = (0,)
) -> tuple[list[Event], list[Job]]:
    """Returns what is published, and the jobs of the engine."""
    jobs: list[Job] = []
    events = play(make_session(speech), frames(talk), engine or talk.engine, delays, jobs.append)
    return events, jobs


def assert_nothing_is_lost(talk: Talk, events: list[Event]) -> None:
    assert_caption_rules(events)
    assert gaps(events) == []
    assert final_words(events) == talk.text


def assert_bounded(jobs: list[Job], speech: SpeechSettings) -> None:
    """No job is longer than the window and the audio since the update that filled it."""
    assert max(len(j.audio) for j in jobs) <= samples_from_ms(speech.window_s * 1000 + speech.update_ms)


# ---- the window


@pytest.mark.parametrize(("window_s", "update_ms"), [(4, 300), (4, 1000), (6, 600), (10, 600), (19, 900)])
def test_the_window_is_bounded(window_s: float, update_ms: int) -> None:
    """However long somebody speaks, an update decodes the window and no more; no word is lost or doubled."""
    speech = SpeechSettings(window_s=window_s, update_ms=update_ms)
    events, jobs = run(ENDLESS, speech)
    assert_bounded(jobs, speech)
    assert_nothing_is_lost(ENDLESS, events)


def test_it_stays_one_utterance() -> None:
    """What is trimmed is not cut: the only final decode is that of the end."""
    _, jobs = run(ENDLESS)
    assert [j.final for j in jobs[:-1]] == [False] * (len(jobs) - 1)
    assert jobs[-1].start > ENDLESS.words[-1][2] * FRAME - samples_from_ms(11_000)


def test_the_window_moves_on() -> None:
    """It moves forward only, and keeps what the next update should still decode."""
    _, jobs = run(ENDLESS, NARROW)
    for before, after in pairwise(jobs):
        assert before.start <= after.start <= max(before.end - MIN_KEPT, before.start)
    assert len({j.start for j in jobs}) > 20


def test_the_engine_gets_the_committed_words_of_its_audio() -> None:
    """Committed words are given while they are in the audio, none of those from before, each as it was committed."""
    _, jobs = run(ENDLESS, NARROW)
    known: dict[int, RecognizedWord] = {}
    for job in jobs:
        assert all((w.start + w.end) // 2 >= job.start for w in job.committed)
        assert all(a.end <= b.start for a, b in pairwise([*job.committed, *job.draft]))
        assert [known.setdefault(w.start, w) for w in job.committed] == list(job.committed)
    texts = [w.text.strip() for _, w in sorted(known.items())]
    assert texts == ENDLESS.text[: len(texts)]


def test_cut_between_sentences() -> None:
    """Where there are sentences, a window begins with one."""
    talk = make_talk(" ".join("we went home and then it was night." for _ in range(30)))
    events, jobs = run(talk, SpeechSettings(window_s=6))
    assert_nothing_is_lost(talk, events)
    begins = [w.text for j in jobs if j.start > jobs[0].start for w in (*j.committed, *j.draft)[:1]]
    assert set(begins) == {" we"}


# ---- talks of any kind

words = st.sampled_from(["so", "then", "Wednesday", "perhaps", "he", "went.", "why?", "well,"])
short_pauses = st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.06, 0.16, 0.4])  # s: shorter than the hangover


@st.composite
def speeches(draw_from: st.DrawFn) -> Talk:
    """Long speech with short pauses, no two words alike."""
    pattern = draw_from(st.lists(st.tuples(words, short_pauses), min_size=1, max_size=20))
    spoken_words = [pattern[i % len(pattern)] for i in range(80)]
    return make_talk(*(part for i, (word, pause) in enumerate(spoken_words) for part in (f"{i}{word}", pause)))


@settings(PROPERTY, max_examples=12)
@given(speeches(), st.sampled_from([300, 600]))
def test_any_long_speech(talk: Talk, update_ms: int) -> None:
    """Whatever is spoken, the window stays bounded, and captions keep their rules and every word."""
    speech = SpeechSettings(window_s=4, update_ms=update_ms)
    events, jobs = run(talk, speech)
    assert_bounded(jobs, speech)
    assert_nothing_is_lost(talk, events)


@settings(PROPERTY, max_examples=12)
@given(speeches(), st.lists(st.sampled_from([0, 3, 15, 40, 100]), min_size=1, max_size=6))
def test_any_long_speech_with_a_slow_engine(talk: Talk, delays: list[int]) -> None:
    """The same words come from an engine that is late."""
    events, jobs = run(talk, NARROW, delays=tuple(delays))
    assert_nothing_is_lost(talk, events)
    assert all(np.array_equal(j.audio, talk.audio[j.start : j.end]) for j in jobs)


@pytest.mark.parametrize("settled_ms", [600, 1500, 2400, 3000])
def test_an_engine_that_changes_its_mind(settled_ms: int) -> None:
    """Words that change with every update until they are old are committed late, and neither lost nor doubled."""

    def waver(job: Job, recognized: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        if job.final:
            return recognized
        return tuple(
            replace(w, text=f" {job.end}") if w.end > job.end - samples_from_ms(settled_ms) else w for w in recognized
        )

    events, jobs = run(ENDLESS, NARROW, Altered(ENDLESS.engine, waver))
    assert_nothing_is_lost(ENDLESS, events)
    assert_bounded(jobs, NARROW)


# ---- speech without words


def talk_around_a_gap(seconds: int, gap: str = "s") -> Talk:
    """Words, then voices (or silence) without words, then words again."""
    first, second = make_talk("this is what he said to us"), make_talk("and so we went home again")
    from_frame, to_frame = first.words[0][1], first.words[-1][2]
    later = to_frame + seconds * FRAMES_A_SECOND - FRAMES_A_SECOND
    late = tuple((text, a + later, b + later) for text, a, b in second.words)
    between = gap * (late[0][1] - to_frame)
    final_words = "s" * (to_frame - from_frame), "s" * (late[-1][2] - late[0][1])
    picture = first.picture[:from_frame] + final_words[0] + between + final_words[1] + "." * FRAMES_A_SECOND
    return Talk(picture, (*first.words, *late))


@pytest.mark.parametrize(("gap", "wait"), [("s", MIN_UNRECOGNIZED), (".", NEW_START_PAUSE)], ids=["voices", "silence"])
def test_a_new_beginning(gap: str, wait: int) -> None:
    """If there is speech without words, and after a long pause, the window starts after the committed words."""
    talk = talk_around_a_gap(4, gap)
    last = talk.words[6][2] * FRAME
    events, jobs = run(talk, SpeechSettings(window_s=28, max_utterance_s=28, end_silence_ms=5000))
    old = [j for j in jobs if j.start == jobs[0].start]
    new = jobs[len(old) :]
    n_continued = [j.must_continue for j in jobs].count(True)
    assert n_continued == (MAX_CONTINUATIONS if gap == "s" else 0)
    # One update commits the words, and one lies between the two continuations.
    assert wait <= old[-1].end - last < wait + samples_from_ms(SpeechSettings().update_ms) * (2 + n_continued // 2)
    assert (new[0].end == old[-1].end) is (gap == "s")  # a word may be waiting: at once
    assert {j.start for j in new} == {new[0].start}
    assert last - PAUSE_SEARCH_BEFORE // 2 <= new[0].start <= last + PAUSE_SEARCH_AFTER
    assert new[0].committed == ()
    assert_nothing_is_lost(talk, events)


def test_an_engine_that_stops_too_early() -> None:
    """When told that speech follows, it recognizes it, and goes on decoding it with the words before as context."""
    first, second = "this is what he said to us.", "and so we all went home again."
    talk = make_talk(f"{first} {second}")
    known = len(first.split())

    def stop(job: Job, recognized: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        left = known - len(job.committed)
        return recognized[: max(left, 0)] if left >= 0 and not job.must_continue else recognized

    events, jobs = run(talk, engine=Altered(talk.engine, stop))
    assert_nothing_is_lost(talk, events)
    assert {j.start for j in jobs} == {jobs[0].start}
    continued = [j for j in jobs if j.must_continue]
    assert continued
    assert all(len(j.committed) == known for j in continued)
    assert not jobs[-1].must_continue


@pytest.mark.parametrize("seconds", [1, 2, 4, 9, 15])
@pytest.mark.parametrize("speech", [pytest.param(SpeechSettings(), id="usual"), pytest.param(NARROW, id="narrow")])
def test_any_time_without_words(speech: SpeechSettings, seconds: int) -> None:
    """However long no word comes, no word before or after is lost or doubled, and the window stays bounded."""
    talk = talk_around_a_gap(seconds)
    events, jobs = run(talk, speech)
    assert_nothing_is_lost(talk, events)
    assert_bounded(jobs, speech)


def test_doubt_is_not_silence() -> None:
    """Words that are too unreliable to show are still words: the window keeps its start."""
    talk = talk_around_a_gap(6)

    def mumble(job: Job, recognized: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        return recognized or (RecognizedWord(" mm", job.end - samples_from_ms(400), job.end, 0.1),)

    speech = SpeechSettings(window_s=28, max_utterance_s=28)
    events, jobs = run(talk, speech, Altered(talk.engine, mumble, logprob=-5.0))
    assert {j.start for j in jobs} == {jobs[0].start}
    assert_nothing_is_lost(talk, events)


def test_doubtful_words_of_a_continuation() -> None:
    """In a continuation, words that are too unreliable to show are a guess: the window does move."""
    talk = talk_around_a_gap(6)

    def guess(job: Job, recognized: tuple[RecognizedWord, ...]) -> tuple[RecognizedWord, ...]:
        made_up = (RecognizedWord(" mm", job.end - samples_from_ms(400), job.end, 0.1),) if job.must_continue else ()
        return recognized or made_up

    speech = SpeechSettings(window_s=28, max_utterance_s=28)
    events, jobs = run(talk, speech, Altered(talk.engine, guess, logprob=-5.0))
    assert len({j.start for j in jobs}) > 1
    assert_nothing_is_lost(talk, events)


# ---- memory


@pytest.mark.parametrize("text", ["w{}", "w{}."])
def test_an_endless_utterance_is_bounded(text: str) -> None:
    """Minutes of speech leave no more words behind than the window and the open caption hold."""
    talk = make_talk(" ".join(text.format(i) for i in range(400)))
    session = make_session(NARROW)
    most_words = 0
    for block in frames(talk):
        session.push(block)
        while job := session.next_job():
            session.apply(talk.engine.decode(job))
            committed = session._open.committed if session._open else []
            most_words = max(most_words, len(committed))
            if committed:
                assert committed[-1].end - committed[0].start <= samples_from_ms(
                    1000 * (NARROW.window_s + NARROW.max_caption_s) + 2000
                )
    assert 0 < most_words < 100


def test_an_endless_talk_is_drawn() -> None:
    """The talks of these tests are as described: speech from the first word to the last."""
    start, end = ENDLESS.words[0][1], ENDLESS.words[-1][2]
    assert set(ENDLESS.picture[start:end]) == {"s"}
    assert float(draw(ENDLESS.picture[start:end]).min()) > 0.1
