"""From audio to captions, with drawn talks and an engine that knows what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, SAMPLE_RATE, Block, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Engine, EngineInfo, Hypothesis, Job, RecognizedWord, join_words
from streamstt.engine.scripted import ScriptedEngine
from streamstt.events import Event, Gap, State, Status
from streamstt.speech.session import Session
from streamstt.speech.update_policy import WORD_END_PAUSE, DecodeNeed
from streamstt.speech.utterance import MAX_CONTEXT, MAX_CONTEXT_GAP, MAX_WINDOW
from tests.support.drawing import (
    PROPERTY,
    DrawnDetector,
    Talk,
    assert_promises_kept,
    cut,
    draw,
    finals,
    frames,
    gaps,
    partials,
    play,
    said,
    session,
    talks,
    tell,
)

SHORT = SpeechSettings(max_utterance_s=4, max_caption_s=2, buffer_s=30)
"""Cuts and ends captions often."""
HELLO = tell("Hello everybody in the room.", 1.0, "Good morning!")


@dataclass
class Unsure:
    """An engine that hears words in anything, and says how sure it is."""

    no_speech: float
    logprob: float
    text: str = " Thanks."

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("unsure", "none", "exact", ("en",))

    def decode(self, job: Job) -> Hypothesis:
        heard = RecognizedWord(self.text, job.start + 1600, min(job.start + 4800, job.end), 0.3)
        words = () if job.committed else (heard,)
        return Hypothesis(job, words, "en", self.no_speech, self.logprob)


def statuses(events: Sequence[Event]) -> list[State]:
    return [e.state for e in events if isinstance(e, Status)]


# ---- captions


def test_a_talk() -> None:
    """Each sentence becomes a final with its words, at their times; the status says who speaks."""
    events = play(session(), frames(HELLO), HELLO.engine)
    assert_promises_kept(events)
    assert [f.text for f in finals(events)] == ["Hello everybody in the room.", "Good morning!"]
    spoken = [w for f in finals(events) for w in f.words]
    assert [(w.text, w.start, w.end) for w in spoken] == [(t, a / 50, b / 50) for t, a, b in HELLO.words]
    assert statuses(events) == [State.SPEECH, State.LISTENING, State.SPEECH, State.LISTENING]
    assert {f.source for f in finals(events)} == {"room"}
    assert {f.language for f in finals(events)} == {"en"}


def test_captions_come_while_people_speak() -> None:
    """Partials appear before the sentence is over, and words are stable before it is final."""
    events = play(session(), frames(HELLO), HELLO.engine)
    shown = [p for p in partials(events) if p.id == finals(events)[0].id]
    assert shown[0].text.startswith("Hello")
    assert shown[0].end < HELLO.words[4][2] / 50
    assert max(p.stable for p in shown) > 0


def test_silence_stays_silent() -> None:
    """Without speech there is no event and nothing for the engine to do."""
    stage = session()
    events = [e for b in cut(draw("." * 500 + "," * 500), [FRAME]) for e in stage.push(b)]
    assert events == []
    assert stage.need() is DecodeNeed.NOTHING
    assert stage.next_job() is None
    assert stage.settled


def test_first_syllable_is_heard() -> None:
    """The engine gets the audio from before the detector's first speech: its onset is late on soft sounds."""
    jobs: list[Job] = []
    play(session(), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert jobs[0].start == HELLO.words[0][1] * FRAME - samples_from_ms(SpeechSettings().pre_roll_ms)


def test_updates_come_as_set() -> None:
    """The first update waits for enough audio, the next ones for enough new audio or for a pause."""
    jobs: list[Job] = []
    talk = tell("a-very-long-word " * 3)
    play(session(SpeechSettings(first_update_ms=1000, update_ms=500)), frames(talk), talk.engine, watch=jobs.append)
    ends = [j.end for j in jobs if not j.final]
    assert ends[0] - jobs[0].start == samples_from_ms(1000 + SpeechSettings().pre_roll_ms)
    *steps, last = (b - a for a, b in pairwise(ends))
    assert set(steps) == {samples_from_ms(500)}
    assert 0 < last <= samples_from_ms(500)
    assert ends[-1] == talk.words[-1][2] * FRAME + WORD_END_PAUSE, "the last word is heard as soon as it is over"


def test_a_job_has_what_is_known() -> None:
    """The next decode of an utterance continues after the committed words, and verifies the draft."""
    talk = tell("one two three four five six seven eight nine ten")
    jobs: list[Job] = []
    play(session(), frames(talk), talk.engine, watch=jobs.append)
    assert jobs[-1].final
    assert jobs[-1].committed
    assert jobs[-1].draft
    for before, after in pairwise(jobs):
        assert after.committed[: len(before.committed)] == before.committed
    assert all(w.end <= j.end - samples_from_ms(SpeechSettings().hold_ms) for j in jobs for w in j.committed)


def test_settings_change_with_the_next_silence() -> None:
    """New settings leave the sentence that is being said alone, and hold from the next one on."""
    jobs: list[Job] = []
    stage = session()

    def watch(job: Job) -> None:
        jobs.append(job)
        if len(jobs) == 2:
            stage.update_settings(SpeechSettings(first_update_ms=5000, buffer_s=30), "de")

    events = play(stage, frames(HELLO), HELLO.engine, watch=watch)
    assert [f.text for f in finals(events)] == ["Hello everybody in the room.", "Good morning!"]
    second = [job for job in jobs if job.start > jobs[0].start]
    before = [job for job in jobs if job.start == jobs[0].start]
    assert len(before) > 2
    assert {job.language for job in before} != {"de"}
    assert {job.language for job in second} == {"de"}
    assert all(job.final for job in second), "it is too short now for an update"
    assert stage.capacity == samples_from_ms(SpeechSettings().buffer_s * 1000), "the ring has its size"


def test_a_detector_is_made_when_its_settings_change() -> None:
    """The session asks the factory at its start, and in the next silence after a change that concerns detection."""
    made: list[SpeechSettings] = []

    def make(settings: SpeechSettings) -> DrawnDetector:
        made.append(settings)
        return DrawnDetector()

    stage = Session("room", SpeechSettings(), make, "en")
    assert made == [SpeechSettings()]
    blocks = frames(HELLO)
    stage.update_settings(SpeechSettings(update_ms=700), "en")
    stage.push(next(blocks))
    assert len(made) == 1, "a detector does not depend on the pace of updates"
    stage.update_settings(SpeechSettings(detector="webrtc"), "en")
    assert len(made) == 1
    stage.push(next(blocks))
    assert [settings.detector for settings in made] == [SpeechSettings().detector, "webrtc"]


def test_language_is_set() -> None:
    """The engine is asked for the language that was set."""
    jobs: list[Job] = []
    play(session(language="de"), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert {j.language for j in jobs} == {"de"}


def test_language_is_found_out() -> None:
    """Without one, the engine finds out in each utterance, and stays with it as soon as words are committed."""
    jobs: list[Job] = []
    play(session(language=None), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert {j.language for j in jobs if not j.committed} == {None}
    assert {j.language for j in jobs if j.committed} == {"en"}


PAIR = tell("We went to the sea.", 1.0, "In short,", 0.1, "it rained.")


def first_job_of_the_second(talk: Talk, language: str | None = "en") -> Job:
    jobs: list[Job] = []
    events = play(session(language=language), frames(talk), talk.engine, watch=jobs.append)
    assert said(events) == talk.text
    first = next(i for i, j in enumerate(jobs) if j.final)
    return jobs[first + 1]


def test_an_utterance_is_heard_with_the_one_before() -> None:
    """Its first words are heard among others: the sound and the words of what was said just before, but not twice."""
    job = first_job_of_the_second(PAIR)
    assert join_words(job.committed) == "We went to the sea."
    assert job.start <= job.committed[0].start


@pytest.mark.parametrize("pause", [MAX_CONTEXT_GAP / SAMPLE_RATE - 0.5, MAX_CONTEXT_GAP / SAMPLE_RATE + 0.6])
def test_what_was_said_long_ago_is_no_context(pause: float) -> None:
    """After a long pause an utterance is heard alone."""
    job = first_job_of_the_second(tell("We went.", pause, "It rained there."))
    assert bool(job.committed) == (pause < MAX_CONTEXT_GAP / SAMPLE_RATE)


def test_context_is_bounded() -> None:
    """Of a long utterance only the end is heard again, in whole words."""
    job = first_job_of_the_second(tell("so " * 50 + "it was.", 1.0, "It rained there."))
    assert job.committed
    assert samples_from_ms(4000) < job.committed[-1].end - job.start < MAX_CONTEXT


def test_no_context_when_the_language_is_to_be_detected() -> None:
    """The next utterance may be in another language."""
    assert not first_job_of_the_second(PAIR, language=None).committed


def test_no_context_across_a_hole() -> None:
    """Where audio was lost there is nothing to hear together."""
    jobs: list[Job] = []
    blocks = list(frames(PAIR))
    pause = PAIR.words[4][2] + 35  # frames: the first utterance is over
    shifted = [Block(b.start + samples_from_ms(2000), b.samples) for b in blocks[pause:]]
    play(session(), [*blocks[:pause], *shifted], PAIR.engine, watch=jobs.append)
    assert any(j.start >= shifted[0].start for j in jobs)
    assert not [j for j in jobs if j.start < shifted[0].start < j.end]


@dataclass
class Satisfied:
    """An engine that says nothing more after a sentence that it is given; alone, it hears what is said."""

    engine: ScriptedEngine

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    def decode(self, job: Job) -> Hypothesis:
        done = join_words(job.committed).endswith(".")
        return Hypothesis(job, (), "en") if done else self.engine.decode(job)


def test_an_utterance_that_its_context_hides_is_heard_alone() -> None:
    """When the model thinks that all is said, the utterance is heard again without what came before it."""
    talk = tell("We went.", 1.0, "It did.")
    assert said(play(session(), frames(talk), Satisfied(talk.engine))) == talk.text


@dataclass
class Polyglot:
    """Hears the next utterance in the next of these languages."""

    languages: list[str]
    logprob: float = -0.1

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("polyglot", "none", "exact", ("de", "en"))

    def decode(self, job: Job) -> Hypothesis:
        heard = RecognizedWord(" so", job.start + 1600, min(job.start + 4800, job.end), 0.9)
        words = () if job.committed else (heard,)
        language = self.languages.pop(0) if job.final else "xx"
        return Hypothesis(job, words, language, 0.0, self.logprob)


def test_the_language_of_the_last_utterance_is_expected() -> None:
    """What was heard in whole utterances is told to the engine; what updates thought, or was no speech, is not."""
    talk = tell("One.", 1.0, "Two.", 1.0, "Three.")
    jobs: list[Job] = []
    play(session(language=None), frames(talk), Polyglot(["de", "en", "de"]), watch=jobs.append)
    assert [j.expected_language for j in jobs if j.final] == [None, "de", "en"]
    jobs.clear()
    play(session(language=None), frames(talk), Polyglot(["de", "en", "de"], logprob=-9), watch=jobs.append)
    assert {j.expected_language for j in jobs} == {None}


def test_long_speech_is_finalised_on_the_way() -> None:
    """Speech without a pause becomes finals no longer than a caption may be, soon after it was said."""
    talk = tell("and so he went along the river for many days until he came upon a house where nobody lived " * 3)
    events = play(session(SpeechSettings(max_caption_s=3)), frames(talk), talk.engine)
    assert_promises_kept(events)
    assert said(events) == talk.text
    assert len(finals(events)) >= 5
    assert all(f.end - f.start <= 3 for f in finals(events))
    assert all(p.end - p.start <= 3 + 2 for p in partials(events))


def test_sentences_of_one_decode() -> None:
    """When one decode brings several sentences, each is a caption, though the first had stable words already."""
    talk = tell("one two three four five six seven. and so on. that is all.")
    stage, events = session(SpeechSettings(hold_ms=100, update_ms=100)), []
    promised_at = talk.words[6][1]
    for i, block in enumerate(frames(talk)):
        events += stage.push(block)
        if i < promised_at and (job := stage.next_job()):
            events += stage.apply(talk.engine.decode(job))
    assert partials(events)[-1].stable > len("one two three four")
    job = stage.next_job()
    assert job
    events += stage.apply(talk.engine.decode(job))
    assert_promises_kept(events)
    assert [f.text for f in finals(events)] == ["one two three four five six seven.", "and so on.", "that is all."]


@pytest.mark.parametrize("delay", range(0, 120, 7))
def test_cut_during_a_decode(delay: int) -> None:
    """Speech is cut while the engine hears beyond the cut: words from there on belong to the next utterance only."""
    talk = tell(" ".join(f"w{i}" for i in range(100)))
    events = play(session(SHORT), frames(talk), talk.engine, [delay])
    assert_promises_kept(events)
    assert said(events) == talk.text


# ---- properties

sizes = st.lists(st.integers(37, samples_from_ms(500)), min_size=1, max_size=6)
delays = st.lists(st.sampled_from([0, 0, 3, 15, 40, 100, 300]), min_size=1, max_size=6)


def only_finals(stage: Session, blocks: Sequence[Block], engine: Engine) -> list[Event]:
    """As for a recording: decodes what is complete, at once."""
    events: list[Event] = []

    def decode() -> None:
        while stage.need() is DecodeNeed.FINAL and (job := stage.next_job()):
            events.extend(stage.apply(engine.decode(job)))

    for block in blocks:
        events += stage.push(block)
        decode()
    events += stage.interrupt()
    decode()
    return events


@PROPERTY
@given(talks(), sizes)
def test_any_cutting_gives_the_same_finals(talk: Talk, sizes: list[int]) -> None:
    """However the audio is cut into blocks, a recording's finals are the same."""
    speech = SpeechSettings(max_utterance_s=28, max_caption_s=2)
    whole = only_finals(session(speech), list(frames(talk)), talk.engine)
    pieces = only_finals(session(speech), list(cut(talk.audio, sizes)), talk.engine)
    assert finals(pieces) == finals(whole)
    assert said(whole) == talk.text


@PROPERTY
@given(talks(), sizes)
def test_any_cutting_gives_the_same_words(talk: Talk, sizes: list[int]) -> None:
    """Where speech is too long and is cut, the words and their times are the same, though captions may be joined."""
    whole = only_finals(session(SHORT), list(frames(talk)), talk.engine)
    pieces = only_finals(session(SHORT), list(cut(talk.audio, sizes)), talk.engine)
    assert [(w.text, w.start) for f in finals(pieces) for w in f.words] == [
        (w.text, w.start) for f in finals(whole) for w in f.words
    ]
    assert said(pieces) == talk.text


@PROPERTY
@given(talks(), delays)
def test_any_engine_keeps_the_promises(talk: Talk, delays: list[int]) -> None:
    """However slow the engine is, captions keep their promises, and every word is said once."""
    events = play(session(SHORT), frames(talk), talk.engine, delays)
    assert_promises_kept(events)
    assert gaps(events) == []
    assert said(events) == talk.text


@PROPERTY
@given(talks(), sizes, delays)
def test_any_cutting_while_it_is_live(talk: Talk, sizes: list[int], delays: list[int]) -> None:
    """Live, blocks of any size lose and double no word either."""
    events = play(session(SHORT), cut(talk.audio, sizes), talk.engine, delays)
    assert_promises_kept(events)
    assert said(events) == talk.text


@PROPERTY
@given(talks(longest=12), delays)
def test_default_settings(talk: Talk, delays: list[int]) -> None:
    """The same holds with the settings that everybody has."""
    events = play(session(), frames(talk), talk.engine, delays)
    assert_promises_kept(events)
    assert said(events) == talk.text


@PROPERTY
@given(talks(), delays, st.floats(0, 1), st.floats(-2, 0))
def test_doubt_breaks_no_promise(talk: Talk, delays: list[int], no_speech: float, logprob: float) -> None:
    """An engine that doubts every other hypothesis takes back only what was not stable."""
    spoken = talk.engine

    class Doubting:
        count = 0
        info = spoken.info

        def decode(self, job: Job) -> Hypothesis:
            self.count += 1
            sure = spoken.decode(job)
            return Hypothesis(job, sure.words, "en", no_speech, logprob) if self.count % 2 else sure

    assert_promises_kept(play(session(SHORT), frames(talk), Doubting(), delays))


@PROPERTY
@given(talks(), delays, sizes)
def test_a_job_hears_what_was_pushed(talk: Talk, delays: list[int], sizes: list[int]) -> None:
    """Every job's audio is the stream's own, sample for sample, and no longer than one decode may hear."""
    audio = talk.audio

    def watch(job: Job) -> None:
        assert len(job.audio) <= MAX_WINDOW
        assert np.array_equal(job.audio, audio[job.start : job.end])

    play(session(SHORT), cut(audio, sizes), talk.engine, delays, watch)


# ---- lost audio


def with_hole(talk: Talk, at: int, length: int) -> list[Block]:
    """The talk with audio lost from frame ``at`` on, ``length`` samples."""
    audio, start = talk.audio, at * FRAME
    return [*cut(audio[:start], [FRAME]), *cut(audio[start + length :], [FRAME], start + length)]


@pytest.mark.parametrize("length", [samples_from_ms(301), samples_from_ms(1000), samples_from_ms(2500) + 7])
def test_gap(length: int) -> None:
    """Lost audio is reported to the millisecond, what was said before is final at once, and time stays true."""
    talk = tell("Before it breaks", 3.0, "it is whole.")
    end = talk.words[2][2]
    stage = session()
    events = play(stage, with_hole(talk, end, length), talk.engine)
    assert_promises_kept(events)
    assert gaps(events) == [Gap("room", end / 50, round(end / 50 + length / SAMPLE_RATE, 3))]
    assert [f.text for f in finals(events)] == ["Before it breaks", "it is whole."]
    assert [(w.text, w.start) for f in finals(events) for w in f.words] == [(t, a / 50) for t, a, _ in talk.words]
    assert stage.position == len(talk.audio)


def test_gap_ends_the_utterance_at_once() -> None:
    """Words before lost audio do not wait for the hang-over."""
    talk = tell("Before it breaks")
    stage = session()
    end = talk.words[-1][2]
    for block in cut(talk.audio[: end * FRAME], [FRAME]):
        stage.push(block)
    assert stage.need() is not DecodeNeed.FINAL
    events = stage.push(Block(end * FRAME + samples_from_ms(2000), draw(".")))
    assert events == [Gap("room", end / 50, end / 50 + 2), Status("room", State.LISTENING)]
    assert stage.need() is DecodeNeed.FINAL
    job = stage.next_job()
    assert job
    assert job.end == end * FRAME


def test_a_hiccup_does_not_cut() -> None:
    """A short hole is reported, and the sentence around it stays one."""
    talk = tell("Before it breaks", 0.2, "it is whole.")
    end = talk.words[2][2]
    events = play(session(), with_hole(talk, end, samples_from_ms(200)), talk.engine)
    assert gaps(events) == [Gap("room", end / 50, end / 50 + 0.2)]
    assert [f.text for f in finals(events)] == ["Before it breaks it is whole."]
    assert said(events) == talk.text


def test_speech_around_a_gap_is_never_one_job() -> None:
    """Utterances on both sides of lost audio are decoded apart, however long they wait."""
    talk = tell("Before it breaks", 3.0, "it is whole.")
    end = talk.words[2][2]
    jobs: list[Job] = []
    play(session(), with_hole(talk, end, samples_from_ms(2000)), talk.engine, [10_000], jobs.append)
    assert all(
        j.end <= end * FRAME or j.start >= end * FRAME + samples_from_ms(2000) - samples_from_ms(400) for j in jobs
    )


@pytest.mark.parametrize("lead_s", [0.3, 1.0, 3600.0])
def test_a_stream_that_begins_late(lead_s: float) -> None:
    """When the first audio comes late and somebody speaks at once, every word is captioned, at its time."""
    talk = tell("I was here from the start.")
    speech_from = talk.words[0][1] * FRAME
    start = samples_from_ms(lead_s * 1000) + samples_from_ms(400)
    shift = (start - speech_from) / SAMPLE_RATE
    script = talk.engine.script
    words = tuple(w.model_copy(update={"start": w.start + shift, "end": w.end + shift}) for w in script.words)
    engine = ScriptedEngine(script.model_copy(update={"words": words}))
    events = play(session(), cut(talk.audio[speech_from:], [FRAME], start), engine)
    assert said(events) == talk.text
    assert [f.start for f in finals(events)] == [round(start / SAMPLE_RATE, 3)]
    assert gaps(events) == [Gap("room", 0.0, round(start / SAMPLE_RATE, 3))]


def test_utterances_after_a_gap_are_merged_too() -> None:
    """After lost audio a slow engine still decodes what waits as one."""
    before, after = tell("Before it breaks"), tell("One two three", 1.0, "four five six", 1.0, "seven.")
    stage = session()
    start = len(before.audio) + samples_from_ms(2000)
    for block in [*cut(before.audio, [FRAME]), *cut(after.audio[after.words[0][1] * FRAME :], [FRAME], start)]:
        stage.push(block)
    stage.interrupt()
    jobs = 0
    while job := stage.next_job():
        stage.apply(ScriptedEngine(before.engine.script).decode(job))
        jobs += 1
    assert jobs == 2


def test_block_in_the_past() -> None:
    """Audio that comes twice is refused."""
    stage = session()
    stage.push(Block(0, draw("..")))
    with pytest.raises(ValueError, match=r"639.*640"):
        stage.push(Block(639, draw(".")))


# ---- a slow engine


def test_waiting_utterances_become_one_job() -> None:
    """When the engine is behind, what waits is decoded at once: a slow machine catches up."""
    talk = tell(*(part for i in range(5) for part in (f"Sentence number {i}.", 1.0)))
    stage = session()
    for block in frames(talk):
        stage.push(block)
    assert stage.backlog > samples_from_ms(8000)
    jobs = []
    events: list[Event] = []
    while job := stage.next_job():
        jobs.append(job)
        events += stage.apply(talk.engine.decode(job))
    assert len(jobs) == 1
    assert said(events) == talk.text
    assert stage.backlog == 0


def test_merged_jobs_fit_the_window() -> None:
    """No more is decoded at once than Whisper can hear."""
    talk = tell(*(part for i in range(20) for part in (f"Sentence number {i}.", 1.5)))
    jobs: list[Job] = []
    events = play(session(), frames(talk), talk.engine, [10_000], jobs.append)
    assert max(len(j.audio) for j in jobs) > samples_from_ms(20_000)
    assert all(len(j.audio) <= MAX_WINDOW for j in jobs)
    assert said(events) == talk.text


def stall(talk: Talk, from_frame: int, frames_long: int) -> tuple[list[Event], list[Job]]:
    """A talk whose engine takes no job for a while."""
    stage, jobs, events = session(SHORT), [], []
    for i, block in enumerate(frames(talk)):
        events += stage.push(block)
        if from_frame <= i < from_frame + frames_long:
            continue
        while job := stage.next_job():
            jobs.append(job)
            events += stage.apply(talk.engine.decode(job))
    return events, jobs


def assert_losses_are_told(talk: Talk, events: list[Event]) -> None:
    """Each word of the finals is one of the talk, or its beginning, and said once; what is missing lies in a gap."""
    assert_promises_kept(events)
    spoken = {a / 50: (text, b / 50) for text, a, b in talk.words}
    heard = {w.start: w.text for f in finals(events) for w in f.words}
    assert len(heard) == len(said(events)), "a word is doubled"
    assert all(spoken[start][0].startswith(text) for start, text in heard.items())
    lost = [(start, end, text) for start, (text, end) in spoken.items() if heard.get(start) != text]
    untold = [text for start, end, text in lost if not any(g.start < end and start < g.end for g in gaps(events))]
    assert untold == []


UNIQUE = tell(*(part for i in range(70) for part in (f"w{i}a w{i}b w{i}c.", 0.7 if i % 3 else 0.2)))
assert len(set(UNIQUE.text)) == len(UNIQUE.text)


def test_overrun() -> None:
    """An engine that stalls for longer than the buffer: the loss is told as a gap, and captions go on after it."""
    events, _ = stall(UNIQUE, 200, 2500)
    assert_losses_are_told(UNIQUE, events)
    assert gaps(events)
    assert said(events)[-1] == UNIQUE.text[-1]


@pytest.mark.parametrize("when", range(100, 400, 25))
def test_overrun_keeps_what_was_heard(when: int) -> None:
    """Whenever the engine stalls, what it had heard becomes final, once."""
    events, _ = stall(UNIQUE, when, 2500)
    assert_losses_are_told(UNIQUE, events)
    heard_before = [p for p in partials(events) if p.end <= when / 50 + 0.1]
    shown = heard_before[-1].text[: heard_before[-1].stable].split()
    assert set(shown) <= set(said(events))


@pytest.mark.parametrize("delay", [1000, 1600, 2200, 3000])
def test_one_endless_decode(delay: int) -> None:
    """A single decode that takes longer than the buffer loses audio, tells so, and raises nothing."""
    audio = UNIQUE.audio
    jobs: list[Job] = []
    events = play(session(SHORT), frames(UNIQUE), UNIQUE.engine, [0] * 5 + [delay], jobs.append)
    assert_losses_are_told(UNIQUE, events)
    assert all(np.array_equal(j.audio, audio[j.start : j.end]) for j in jobs), "lost audio is never decoded as silence"


@settings(PROPERTY, max_examples=8)
@given(st.integers(0, 600), st.integers(1400, 2600))
def test_any_stall(when: int, length: int) -> None:
    """Whenever and however long the engine stalls: nothing is doubled, and what is lost is told."""
    events, _ = stall(UNIQUE, when, length)
    assert_losses_are_told(UNIQUE, events)


def test_overrun_in_the_middle_of_a_sentence() -> None:
    """When long speech without a pause is lost, its words are not doubled either."""
    talk = tell(" ".join(f"w{i}" for i in range(300)))
    for when in range(150, 290, 20):
        events, _ = stall(talk, when, 2500)
        assert_losses_are_told(talk, events)


def test_overrun_of_a_cut_utterance() -> None:
    """An update heard beyond the place where speech is cut afterwards: its words from there on are not said twice."""
    talk = tell(" ".join(f"w{i}" for i in range(400)))
    stage, events = session(SpeechSettings(max_utterance_s=28, buffer_s=30)), []
    for block in frames(talk):
        events += stage.push(block)
        now = block.end / SAMPLE_RATE
        while (now < 28.5 or now > 62) and (job := stage.next_job()):
            events += stage.apply(talk.engine.decode(job))
    assert_losses_are_told(talk, events)


# ---- doubt


@pytest.mark.parametrize(
    ("no_speech", "logprob", "doubtful"),
    [
        pytest.param(0.0, -0.3, False, id="sure"),
        pytest.param(0.0, -1.4, False, id="mumbled, but somebody speaks"),
        pytest.param(0.0, -1.6, True, id="gibberish"),
        pytest.param(0.9, -0.3, False, id="no speech, but the words are sure"),
        pytest.param(0.9, -0.6, True, id="no speech, and the words are not sure"),
        pytest.param(0.5, -0.6, False, id="perhaps speech"),
        pytest.param(0.9, -1.6, True, id="nothing at all"),
        pytest.param(0.6, -0.6, False, id="at the limit of no speech"),
        pytest.param(0.61, -0.5, False, id="at the limit of unsure"),
        pytest.param(0.0, -1.5, False, id="at the limit of gibberish"),
    ],
)
def test_doubtful_text_is_dropped(no_speech: float, logprob: float, doubtful: bool) -> None:
    """Text is dropped when it is improbable, or when nobody seems to speak and it is not sure."""
    talk = tell("mmm")
    speech = SpeechSettings(no_speech=0.6, unsure_logprob=-0.5, min_logprob=-1.5)
    events = play(session(speech), frames(talk), Unsure(no_speech, logprob))
    assert said(events) == ([] if doubtful else ["Thanks."])
    assert [e for e in events if not isinstance(e, Status)] == [] or not doubtful


@pytest.mark.parametrize("no_speech", [0.0, 0.9])
def test_improbable_text_is_always_dropped(no_speech: float) -> None:
    """The least log-probability holds whatever the probability of no speech is."""
    speech = SpeechSettings(min_logprob=-0.3, unsure_logprob=-0.5)
    talk = tell("mmm")
    assert said(play(session(speech), frames(talk), Unsure(no_speech, -0.4))) == []


def test_doubt_takes_back_a_partial() -> None:
    """What was shown and then turns out to be no speech is taken back by an empty final."""
    talk = tell("mmmmmmmmmmmmmmmmmmmm")

    class Later(Unsure):
        def decode(self, job: Job) -> Hypothesis:
            self.logprob = -2.0 if job.final else -0.1
            return super().decode(job)

    events = play(session(SpeechSettings(hold_ms=3000)), frames(talk), Later(0.0, 0.0))
    assert_promises_kept(events)
    assert partials(events)[0].text == "Thanks."
    (final,) = finals(events)
    assert (final.text, final.words) == ("", ())
    assert final.id == partials(events)[0].id


def test_doubt_keeps_stable_words() -> None:
    """Doubt about the end does not take back words that were promised."""
    talk = tell("one two three four five six seven eight")
    heard = talk.engine

    class Later(Unsure):
        def decode(self, job: Job) -> Hypothesis:
            sure = heard.decode(job)
            return Hypothesis(job, sure.words, "en", 0.0, -2.0 if job.final else -0.1)

    events = play(session(), frames(talk), Later(0.0, 0.0))
    assert_promises_kept(events)
    promised = partials(events)[-1].text[: partials(events)[-1].stable]
    assert promised
    assert " ".join(said(events)) == promised


# ---- jobs


def test_one_job_at_a_time() -> None:
    """While a job is out there is no other, and its answer is taken once."""
    stage = session()
    for block in frames(HELLO):
        stage.push(block)
    job = stage.next_job()
    assert job
    assert stage.need() is DecodeNeed.NOTHING
    assert stage.next_job() is None
    assert not stage.settled
    stage.apply(HELLO.engine.decode(job))
    with pytest.raises(RuntimeError, match="room"):
        stage.apply(HELLO.engine.decode(job))


def test_an_answer_without_a_job() -> None:
    """A hypothesis that nobody asked for is a mistake of the caller."""
    job = Job("room", 0, np.zeros(0, dtype=np.float32), final=True)
    with pytest.raises(RuntimeError, match="no job is out"):
        session().apply(Hypothesis(job, (), "en"))


def test_interrupt_completes_what_is_said() -> None:
    """When the audio ends in the middle of speech, the words so far become final."""
    talk = tell("one two three four five six seven eight")
    end = talk.words[5][2] * FRAME
    events = play(session(), cut(talk.audio[:end], [FRAME]), talk.engine)
    assert said(events) == talk.text[:6]


def test_capacity() -> None:
    """The buffer is as long as it is set."""
    assert Session("a", SpeechSettings(buffer_s=60), lambda _: DrawnDetector(), None).capacity == 60 * SAMPLE_RATE


def test_context_leaves_room_for_the_longest_utterance() -> None:
    """An utterance that grows as long as the window is heard whole, if need be without its context."""
    talk = tell("We went.", 1.0, "so " * 220 + "it was.", 1.0, "Right.")
    jobs: list[Job] = []
    events = play(
        session(SpeechSettings(max_utterance_s=28, window_s=28)), frames(talk), talk.engine, watch=jobs.append
    )
    assert max(len(j.audio) for j in jobs) > samples_from_ms(25_000)
    assert all(len(j.audio) <= MAX_WINDOW for j in jobs)
    assert said(events) == talk.text
