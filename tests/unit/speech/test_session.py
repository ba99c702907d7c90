"""From audio to captions, with drawn talks and an engine that knows their words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from streamstt.speech.caption_breaks import HARD_LIMIT
from streamstt.speech.local_agreement import SHOW_PROBABILITY
from streamstt.speech.session import Session
from streamstt.speech.update_policy import WORD_END_PAUSE, DecodeNeed
from streamstt.speech.utterance import MAX_CONTEXT, MAX_CONTEXT_GAP, MAX_WINDOW
from streamstt.text.function_words import FUNCTION_WORDS
from tests.support.drawing import (
    PROPERTY,
    DrawnDetector,
    Talk,
    assert_caption_rules,
    cut,
    draw,
    final_words,
    finals,
    frames,
    gaps,
    make_session,
    make_talk,
    partials,
    play,
    talks,
)

SHORT = SpeechSettings(max_utterance_s=4, max_caption_s=2, buffer_s=30)
"""Cuts and ends captions often."""
HELLO = make_talk("Hello everybody in the room.", 1.0, "Good morning!")


@dataclass
class Unsure:
    """An engine that recognizes words in any audio, with the given probabilities."""

    no_speech: float
    logprob: float
    probability: float = 0.5
    text: str = " Thanks."

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("unsure", "none", "exact", ("en",))

    def decode(self, job: Job) -> Hypothesis:
        word = RecognizedWord(self.text, job.start + 1600, min(job.start + 4800, job.end), self.probability)
        words = () if job.committed else (word,)
        return Hypothesis(job, words, "en", self.no_speech, self.logprob)


def statuses(events: Sequence[Event]) -> list[State]:
    return [e.state for e in events if isinstance(e, Status)]


# ---- captions


def test_a_talk() -> None:
    """Each sentence becomes a final with its words, at their times; the status says who speaks."""
    events = play(make_session(), frames(HELLO), HELLO.engine)
    assert_caption_rules(events)
    assert [f.text for f in finals(events)] == ["Hello everybody in the room.", "Good morning!"]
    script_words = [w for f in finals(events) for w in f.words]
    assert [(w.text, w.start, w.end) for w in script_words] == [(t, a / 50, b / 50) for t, a, b in HELLO.words]
    assert statuses(events) == [State.SPEECH, State.LISTENING, State.SPEECH, State.LISTENING]
    assert {f.source for f in finals(events)} == {"room"}
    assert {f.language for f in finals(events)} == {"en"}


def test_captions_come_while_people_speak() -> None:
    """Partials appear before the sentence is over, and words are stable before it is final."""
    events = play(make_session(), frames(HELLO), HELLO.engine)
    shown = [p for p in partials(events) if p.id == finals(events)[0].id]
    assert shown[0].text.startswith("Hello")
    assert shown[0].end < HELLO.words[4][2] / 50
    assert max(p.stable for p in shown) > 0


def test_silence_stays_silent() -> None:
    """Without speech there is no event and nothing for the engine to do."""
    session = make_session()
    events = [e for b in cut(draw("." * 500 + "," * 500), [FRAME]) for e in session.push(b)]
    assert events == []
    assert session.need() is DecodeNeed.NOTHING
    assert session.next_job() is None
    assert session.settled


def test_the_first_syllable_is_decoded() -> None:
    """The engine gets the audio from before the detector's first speech: its onset is late on soft sounds."""
    jobs: list[Job] = []
    play(make_session(), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert jobs[0].start == HELLO.words[0][1] * FRAME - samples_from_ms(SpeechSettings().pre_roll_ms)


def test_updates_come_as_set() -> None:
    """The first update waits for enough audio, the next ones for enough new audio or for a pause."""
    jobs: list[Job] = []
    talk = make_talk("a-very-long-word " * 3)
    play(
        make_session(SpeechSettings(first_update_ms=1000, update_ms=500)), frames(talk), talk.engine, watch=jobs.append
    )
    ends = [j.end for j in jobs if not j.final]
    assert ends[0] - jobs[0].start == samples_from_ms(1000 + SpeechSettings().pre_roll_ms)
    *steps, last = (b - a for a, b in pairwise(ends))
    assert set(steps) == {samples_from_ms(500)}
    assert 0 < last <= samples_from_ms(500)
    assert ends[-1] == talk.words[-1][2] * FRAME + WORD_END_PAUSE, "the last word is decoded as soon as it is over"


def test_a_job_continues_after_known_words() -> None:
    """The next decode of an utterance continues after the committed words, and verifies the draft."""
    talk = make_talk("many people came here because nobody told them about trains")
    jobs: list[Job] = []
    play(make_session(), frames(talk), talk.engine, watch=jobs.append)
    assert jobs[-1].final
    assert jobs[-1].committed
    assert jobs[-1].draft
    for before, after in pairwise(jobs):
        assert after.committed[: len(before.committed)] == before.committed
    assert all(w.end <= j.end - samples_from_ms(SpeechSettings().hold_ms) for j in jobs for w in j.committed)


def test_settings_change_with_the_next_silence() -> None:
    """New settings do not change the open utterance, and hold from the next one on."""
    jobs: list[Job] = []
    session = make_session()

    def watch(job: Job) -> None:
        jobs.append(job)
        if len(jobs) == 2:
            session.update_settings(SpeechSettings(first_update_ms=5000, buffer_s=30), "de")

    events = play(session, frames(HELLO), HELLO.engine, watch=watch)
    assert [f.text for f in finals(events)] == ["Hello everybody in the room.", "Good morning!"]
    second = [job for job in jobs if job.start > jobs[0].start]
    before = [job for job in jobs if job.start == jobs[0].start]
    assert len(before) > 2
    assert {job.language for job in before} != {"de"}
    assert {job.language for job in second} == {"de"}
    assert all(job.final for job in second), "it is too short now for an update"
    assert session.capacity == samples_from_ms(SpeechSettings().buffer_s * 1000), "the ring has its size"


def test_a_detector_is_made_when_its_settings_change() -> None:
    """The session asks the factory at its start, and in the next silence after a change that concerns detection."""
    detector_settings: list[SpeechSettings] = []

    def make(settings: SpeechSettings) -> DrawnDetector:
        detector_settings.append(settings)
        return DrawnDetector()

    session = Session("room", SpeechSettings(), make, "en")
    assert detector_settings == [SpeechSettings()]
    blocks = frames(HELLO)
    session.update_settings(SpeechSettings(update_ms=700), "en")
    session.push(next(blocks))
    assert len(detector_settings) == 1, "a detector does not depend on the pace of updates"
    session.update_settings(SpeechSettings(detector="webrtc"), "en")
    assert len(detector_settings) == 1
    session.push(next(blocks))
    assert [settings.detector for settings in detector_settings] == [SpeechSettings().detector, "webrtc"]


def test_language_is_set() -> None:
    """Jobs have the language that is set."""
    jobs: list[Job] = []
    play(make_session(language="de"), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert {j.language for j in jobs} == {"de"}


def test_language_is_detected() -> None:
    """Without one, the engine finds out in each utterance, and stays with it as soon as words are committed."""
    jobs: list[Job] = []
    play(make_session(language=None), frames(HELLO), HELLO.engine, watch=jobs.append)
    assert {j.language for j in jobs if not j.committed} == {None}
    assert {j.language for j in jobs if j.committed} == {"en"}


PAIR = make_talk("We went to the sea.", 1.0, "In short,", 0.1, "it rained.")


def first_job_of_the_second(talk: Talk, language: str | None = "en") -> Job:
    jobs: list[Job] = []
    events = play(make_session(language=language), frames(talk), talk.engine, watch=jobs.append)
    assert final_words(events) == talk.text
    first = next(i for i, j in enumerate(jobs) if j.final)
    return jobs[first + 1]


def test_an_utterance_is_decoded_with_the_one_before() -> None:
    """Its first words are decoded with audio and words of the one before as context; those are not captioned twice."""
    job = first_job_of_the_second(PAIR)
    assert join_words(job.committed) == "We went to the sea."
    assert job.start <= job.committed[0].start


@pytest.mark.parametrize("pause", [MAX_CONTEXT_GAP / SAMPLE_RATE - 0.5, MAX_CONTEXT_GAP / SAMPLE_RATE + 0.6])
def test_an_utterance_long_ago_is_no_context(pause: float) -> None:
    """After a long pause an utterance is decoded without context."""
    job = first_job_of_the_second(make_talk("We went.", pause, "It rained there."))
    assert bool(job.committed) == (pause < MAX_CONTEXT_GAP / SAMPLE_RATE)


def test_context_is_bounded() -> None:
    """Of a long utterance only the end is context, in whole words."""
    job = first_job_of_the_second(make_talk("so " * 50 + "it was.", 1.0, "It rained there."))
    assert job.committed
    assert samples_from_ms(4000) < job.committed[-1].end - job.start < MAX_CONTEXT


@dataclass
class TwoLanguages:
    """An engine that recognizes PAIR; its second sentence is in a language that may be another one."""

    second: str
    info = PAIR.engine.info

    def decode(self, job: Job) -> Hypothesis:
        begins_there = job.language is None and job.start > samples_from_ms(2000)
        return replace(PAIR.engine.decode(job), language=self.second if begins_there else job.language or "en")


@pytest.mark.parametrize("second", ["en", "de"])
def test_context_when_the_language_is_detected(second: str) -> None:
    """The next utterance may be in another language: it has context when two updates agree that it is in the same."""
    jobs: list[Job] = []
    events = play(make_session(language=None), frames(PAIR), TwoLanguages(second), watch=jobs.append)
    assert final_words(events) == PAIR.text
    assert_caption_rules(events)
    later = jobs[next(i for i, job in enumerate(jobs) if job.final) + 1 :]
    assert [job.committed for job in later[:2]] == [(), ()]
    assert (join_words(later[2].committed) == "We went to the sea.") == (second == "en")
    assert {final.language for final in finals(events)[1:]} == {second}


class LateLanguage:
    """An engine that takes the first update of any speech for another language; it knows the words nevertheless."""

    def __init__(self) -> None:
        self.info = PAIR.engine.info
        self.jobs: list[Job] = []

    def decode(self, job: Job) -> Hypothesis:
        self.jobs.append(job)
        first = len(self.jobs) == 1
        return replace(PAIR.engine.decode(job), language=job.language or ("hi" if first else "de"))


def test_no_word_is_committed_in_a_language_that_one_update_found() -> None:
    """A committed word decides on the language of the utterance, so two updates must agree on it."""
    engine = LateLanguage()
    events = play(make_session(language=None), frames(PAIR), engine)
    assert final_words(events) == PAIR.text
    assert {final.language for final in finals(events)} == {"de"}
    assert [job.language for job in engine.jobs[:3]] == [None, None, None]


@pytest.mark.parametrize(
    ("first", "rest", "captions"),
    [
        pytest.param("I talked to", "my brother.", ["I talked to my brother."], id="a preposition"),
        pytest.param("We met Dr.", "Jones there.", ["We met Dr. Jones there."], id="a title"),
        pytest.param("Call 1-800.", "555-0199 today.", ["Call 1-800. 555-0199 today."], id="a number"),
        pytest.param("We met Jones", "was there too.", ["We met Jones", "was there too."], id="an end of a phrase"),
    ],
)
def test_a_pause_inside_a_phrase(first: str, rest: str, captions: list[str]) -> None:
    """A pause of 0.9 s ends an utterance, but not after "to", "Dr." or half a number."""
    talk = make_talk(first, 0.9, rest)
    events = play(make_session(SpeechSettings(end_silence_ms=600)), frames(talk), talk.engine)
    assert [final.text for final in finals(events)] == captions
    assert_caption_rules(events)


def test_no_context_across_a_dropout() -> None:
    """Utterances on both sides of lost audio are not decoded together."""
    jobs: list[Job] = []
    blocks = list(frames(PAIR))
    pause = PAIR.words[4][2] + 35  # frames: the first utterance is over
    shifted = [Block(b.start + samples_from_ms(2000), b.samples) for b in blocks[pause:]]
    play(make_session(), [*blocks[:pause], *shifted], PAIR.engine, watch=jobs.append)
    assert any(j.start >= shifted[0].start for j in jobs)
    assert not [j for j in jobs if j.start < shifted[0].start < j.end]


@dataclass
class StopsAtSentences:
    """An engine that recognizes nothing after a finished sentence of context; without context, it does."""

    engine: ScriptedEngine

    @property
    def info(self) -> EngineInfo:
        return self.engine.info

    def decode(self, job: Job) -> Hypothesis:
        done = join_words(job.committed).endswith(".")
        return Hypothesis(job, (), "en") if done else self.engine.decode(job)


def test_an_utterance_that_its_context_hides_is_decoded_alone() -> None:
    """When the model stops after the context, the utterance is decoded again without it."""
    talk = make_talk("We went.", 1.0, "It did.")
    assert final_words(play(make_session(), frames(talk), StopsAtSentences(talk.engine))) == talk.text


@dataclass
class Polyglot:
    """An engine that recognizes the next utterance in the next of these languages."""

    languages: list[str]
    logprob: float = -0.1

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("polyglot", "none", "exact", ("de", "en"))

    def decode(self, job: Job) -> Hypothesis:
        word = RecognizedWord(" so", job.start + 1600, min(job.start + 4800, job.end), 0.9)
        words = () if job.committed else (word,)
        language = self.languages.pop(0) if job.final else "xx"
        return Hypothesis(job, words, language, 0.0, self.logprob)


def test_the_language_of_the_last_utterance_is_expected() -> None:
    """The language of a whole utterance is expected in the next; that of an update, or of no speech, is not."""
    talk = make_talk("One.", 1.0, "Two.", 1.0, "Three.")
    jobs: list[Job] = []
    play(make_session(language=None), frames(talk), Polyglot(["de", "en", "de"]), watch=jobs.append)
    assert [j.expected_language for j in jobs if j.final] == [None, "de", "en"]
    jobs.clear()
    play(make_session(language=None), frames(talk), Polyglot(["de", "en", "de"], logprob=-9), watch=jobs.append)
    assert {j.expected_language for j in jobs} == {None}


def test_long_speech_is_finalized_on_the_way() -> None:
    """Speech without a pause becomes finals no longer than a caption may be, soon after it was spoken.

    A caption may be a quarter longer, rather than end after "the".
    """
    talk = make_talk("and so he went along the river for many days until he came upon a house where nobody lived " * 3)
    events = play(make_session(SpeechSettings(max_caption_s=3)), frames(talk), talk.engine)
    assert_caption_rules(events)
    assert final_words(events) == talk.text
    assert len(finals(events)) >= 5
    assert all(f.end - f.start <= 3 * HARD_LIMIT for f in finals(events))
    assert all(p.end - p.start <= 3 * HARD_LIMIT + 2 for p in partials(events))
    assert not any(f.text.split()[-1] in FUNCTION_WORDS["en"] for f in finals(events))


def test_sentences_of_one_decode() -> None:
    """When one decode brings several sentences, each is a caption, though the first had stable words already."""
    talk = make_talk("many people came here because nobody knew. and so on. that is all.")
    session, events = make_session(SpeechSettings(hold_ms=100, update_ms=100)), []
    stop_at = talk.words[6][1]
    for i, block in enumerate(frames(talk)):
        events += session.push(block)
        if i < stop_at and (job := session.next_job()):
            events += session.apply(talk.engine.decode(job))
    assert partials(events)[-1].stable > len("many people came here")
    job = session.next_job()
    assert job
    events += session.apply(talk.engine.decode(job))
    assert_caption_rules(events)
    assert [f.text for f in finals(events)] == [
        "many people came here because nobody knew.",
        "and so on.",
        "that is all.",
    ]


@pytest.mark.parametrize("delay", range(0, 120, 7))
def test_cut_during_a_decode(delay: int) -> None:
    """Speech is cut while the engine decodes beyond the cut: words from there on belong to the next utterance only."""
    talk = make_talk(" ".join(f"w{i}" for i in range(100)))
    events = play(make_session(SHORT), frames(talk), talk.engine, [delay])
    assert_caption_rules(events)
    assert final_words(events) == talk.text


# ---- properties

sizes = st.lists(st.integers(37, samples_from_ms(500)), min_size=1, max_size=6)
delays = st.lists(st.sampled_from([0, 0, 3, 15, 40, 100, 300]), min_size=1, max_size=6)


def decode_finals_only(session: Session, blocks: Sequence[Block], engine: Engine) -> list[Event]:
    """As for a recording: decodes what is complete, at once."""
    events: list[Event] = []

    def decode() -> None:
        while session.need() is DecodeNeed.FINAL and (job := session.next_job()):
            events.extend(session.apply(engine.decode(job)))

    for block in blocks:
        events += session.push(block)
        decode()
    events += session.interrupt()
    decode()
    return events


@PROPERTY
@given(talks(), sizes)
def test_any_cutting_gives_the_same_finals(talk: Talk, sizes: list[int]) -> None:
    """However the audio is cut into blocks, a recording's finals are the same."""
    speech = SpeechSettings(max_utterance_s=28, max_caption_s=2)
    whole = decode_finals_only(make_session(speech), list(frames(talk)), talk.engine)
    pieces = decode_finals_only(make_session(speech), list(cut(talk.audio, sizes)), talk.engine)
    assert finals(pieces) == finals(whole)
    assert final_words(whole) == talk.text


@PROPERTY
@given(talks(), sizes)
def test_any_cutting_gives_the_same_words(talk: Talk, sizes: list[int]) -> None:
    """Where speech is too long and is cut, the words and their times are the same, though captions may be joined."""
    whole = decode_finals_only(make_session(SHORT), list(frames(talk)), talk.engine)
    pieces = decode_finals_only(make_session(SHORT), list(cut(talk.audio, sizes)), talk.engine)
    assert [(w.text, w.start) for f in finals(pieces) for w in f.words] == [
        (w.text, w.start) for f in finals(whole) for w in f.words
    ]
    assert final_words(pieces) == talk.text


@PROPERTY
@given(talks(), delays)
def test_any_engine_keeps_the_rules(talk: Talk, delays: list[int]) -> None:
    """However slow the engine is, captions keep their rules, and every word comes once."""
    events = play(make_session(SHORT), frames(talk), talk.engine, delays)
    assert_caption_rules(events)
    assert gaps(events) == []
    assert final_words(events) == talk.text


@PROPERTY
@given(talks(), sizes, delays)
def test_any_cutting_while_it_is_live(talk: Talk, sizes: list[int], delays: list[int]) -> None:
    """Live, blocks of any size lose and double no word either."""
    events = play(make_session(SHORT), cut(talk.audio, sizes), talk.engine, delays)
    assert_caption_rules(events)
    assert final_words(events) == talk.text


@PROPERTY
@given(talks(longest=12), delays)
def test_default_settings(talk: Talk, delays: list[int]) -> None:
    """The same holds with the settings that everybody has."""
    events = play(make_session(), frames(talk), talk.engine, delays)
    assert_caption_rules(events)
    assert final_words(events) == talk.text


@PROPERTY
@given(talks(), delays, st.floats(0, 1), st.floats(-2, 0))
def test_doubt_breaks_no_rule(talk: Talk, delays: list[int], no_speech: float, logprob: float) -> None:
    """An engine that doubts every other hypothesis takes back only what was not stable."""
    script_words = talk.engine

    class Doubting:
        count = 0
        info = script_words.info

        def decode(self, job: Job) -> Hypothesis:
            self.count += 1
            sure = script_words.decode(job)
            return Hypothesis(job, sure.words, "en", no_speech, logprob) if self.count % 2 else sure

    assert_caption_rules(play(make_session(SHORT), frames(talk), Doubting(), delays))


@PROPERTY
@given(talks(), delays, sizes)
def test_a_job_holds_the_audio_that_was_pushed(talk: Talk, delays: list[int], sizes: list[int]) -> None:
    """Every job's audio is that of the stream, sample for sample, and no longer than one decode may be."""
    audio = talk.audio

    def watch(job: Job) -> None:
        assert len(job.audio) <= MAX_WINDOW
        assert np.array_equal(job.audio, audio[job.start : job.end])

    play(make_session(SHORT), cut(audio, sizes), talk.engine, delays, watch)


# ---- lost audio


def with_dropout(talk: Talk, at: int, length: int) -> list[Block]:
    """The talk with audio lost from frame ``at`` on, ``length`` samples."""
    audio, start = talk.audio, at * FRAME
    return [*cut(audio[:start], [FRAME]), *cut(audio[start + length :], [FRAME], start + length)]


@pytest.mark.parametrize("length", [samples_from_ms(301), samples_from_ms(1000), samples_from_ms(2500) + 7])
def test_gap(length: int) -> None:
    """Lost audio is reported to the millisecond, speech before it is complete at once, and times stay right."""
    talk = make_talk("Before it breaks", 3.0, "it is whole.")
    end = talk.words[2][2]
    session = make_session()
    events = play(session, with_dropout(talk, end, length), talk.engine)
    assert_caption_rules(events)
    assert gaps(events) == [Gap("room", end / 50, round(end / 50 + length / SAMPLE_RATE, 3))]
    assert [f.text for f in finals(events)] == ["Before it breaks", "it is whole."]
    assert [(w.text, w.start) for f in finals(events) for w in f.words] == [(t, a / 50) for t, a, _ in talk.words]
    assert session.position == len(talk.audio)


def test_a_gap_ends_the_utterance_at_once() -> None:
    """Words before lost audio do not wait for the hangover."""
    talk = make_talk("Before it breaks")
    session = make_session()
    end = talk.words[-1][2]
    for block in cut(talk.audio[: end * FRAME], [FRAME]):
        session.push(block)
    assert session.need() is not DecodeNeed.FINAL
    events = session.push(Block(end * FRAME + samples_from_ms(2000), draw(".")))
    assert events == [Gap("room", end / 50, end / 50 + 2), Status("room", State.LISTENING)]
    assert session.need() is DecodeNeed.FINAL
    job = session.next_job()
    assert job
    assert job.end == end * FRAME


def test_a_short_dropout_does_not_cut() -> None:
    """A short dropout is reported, and the sentence around it stays one."""
    talk = make_talk("Before it breaks", 0.2, "it is whole.")
    end = talk.words[2][2]
    events = play(make_session(), with_dropout(talk, end, samples_from_ms(200)), talk.engine)
    assert gaps(events) == [Gap("room", end / 50, end / 50 + 0.2)]
    assert [f.text for f in finals(events)] == ["Before it breaks it is whole."]
    assert final_words(events) == talk.text


def test_speech_around_a_gap_is_never_one_job() -> None:
    """Utterances on both sides of lost audio are decoded apart, however long they wait."""
    talk = make_talk("Before it breaks", 3.0, "it is whole.")
    end = talk.words[2][2]
    jobs: list[Job] = []
    play(make_session(), with_dropout(talk, end, samples_from_ms(2000)), talk.engine, [10_000], jobs.append)
    assert all(
        j.end <= end * FRAME or j.start >= end * FRAME + samples_from_ms(2000) - samples_from_ms(400) for j in jobs
    )


@pytest.mark.parametrize("lead_s", [0.3, 1.0, 3600.0])
def test_a_stream_that_begins_late(lead_s: float) -> None:
    """When the first audio comes late and somebody speaks at once, every word is captioned, at its time."""
    talk = make_talk("I was here from the start.")
    speech_from = talk.words[0][1] * FRAME
    start = samples_from_ms(lead_s * 1000) + samples_from_ms(400)
    shift = (start - speech_from) / SAMPLE_RATE
    script = talk.engine.script
    words = tuple(w.model_copy(update={"start": w.start + shift, "end": w.end + shift}) for w in script.words)
    engine = ScriptedEngine(script.model_copy(update={"words": words}))
    events = play(make_session(), cut(talk.audio[speech_from:], [FRAME], start), engine)
    assert final_words(events) == talk.text
    assert [f.start for f in finals(events)] == [round(start / SAMPLE_RATE, 3)]
    assert gaps(events) == [Gap("room", 0.0, round(start / SAMPLE_RATE, 3))]


def test_utterances_after_a_gap_are_merged_too() -> None:
    """After lost audio a slow engine still decodes what waits as one."""
    before, after = make_talk("Before it breaks"), make_talk("One two three", 1.0, "four five six", 1.0, "seven.")
    session = make_session()
    start = len(before.audio) + samples_from_ms(2000)
    for block in [*cut(before.audio, [FRAME]), *cut(after.audio[after.words[0][1] * FRAME :], [FRAME], start)]:
        session.push(block)
    session.interrupt()
    jobs = 0
    while job := session.next_job():
        session.apply(ScriptedEngine(before.engine.script).decode(job))
        jobs += 1
    assert jobs == 2


def test_block_in_the_past() -> None:
    """Audio that comes twice is refused."""
    session = make_session()
    session.push(Block(0, draw("..")))
    with pytest.raises(ValueError, match=r"639.*640"):
        session.push(Block(639, draw(".")))


# ---- a slow engine


def test_waiting_utterances_become_one_job() -> None:
    """When the engine is behind, what waits is decoded at once: a slow machine catches up."""
    talk = make_talk(*(part for i in range(5) for part in (f"Sentence number {i}.", 1.0)))
    session = make_session()
    for block in frames(talk):
        session.push(block)
    assert session.backlog > samples_from_ms(8000)
    jobs = []
    events: list[Event] = []
    while job := session.next_job():
        jobs.append(job)
        events += session.apply(talk.engine.decode(job))
    assert len(jobs) == 1
    assert final_words(events) == talk.text
    assert session.backlog == 0


def test_waiting_utterances_of_detected_languages_are_decoded_one_by_one() -> None:
    """Each may be in another language, and the model writes all of a job in one."""
    talk = make_talk(*(part for i in range(5) for part in (f"Sentence number {i}.", 1.0)))
    session = make_session(language=None)
    for block in frames(talk):
        session.push(block)
    jobs, events = [], []
    while job := session.next_job():
        jobs.append(job)
        events += session.apply(talk.engine.decode(job))
    assert [job.language for job in jobs] == [None] * 5
    assert final_words(events) == talk.text


def test_merged_jobs_fit_the_window() -> None:
    """No more is decoded at once than fits Whisper's window."""
    talk = make_talk(*(part for i in range(20) for part in (f"Sentence number {i}.", 1.5)))
    jobs: list[Job] = []
    events = play(make_session(), frames(talk), talk.engine, [10_000], jobs.append)
    assert max(len(j.audio) for j in jobs) > samples_from_ms(20_000)
    assert all(len(j.audio) <= MAX_WINDOW for j in jobs)
    assert final_words(events) == talk.text


def stall(talk: Talk, from_frame: int, frames_long: int) -> tuple[list[Event], list[Job]]:
    """A talk whose engine takes no job for a while."""
    session, jobs, events = make_session(SHORT), [], []
    for i, block in enumerate(frames(talk)):
        events += session.push(block)
        if from_frame <= i < from_frame + frames_long:
            continue
        while job := session.next_job():
            jobs.append(job)
            events += session.apply(talk.engine.decode(job))
    return events, jobs


def assert_losses_are_reported(talk: Talk, events: list[Event]) -> None:
    """Each word of the finals is one of the talk, or its beginning, and comes once; what is missing lies in a gap."""
    assert_caption_rules(events)
    script_words = {a / 50: (text, b / 50) for text, a, b in talk.words}
    captioned = {w.start: w.text for f in finals(events) for w in f.words}
    assert len(captioned) == len(final_words(events)), "a word is doubled"
    assert all(script_words[start][0].startswith(text) for start, text in captioned.items())
    lost = [(start, end, text) for start, (text, end) in script_words.items() if captioned.get(start) != text]
    unreported = [text for start, end, text in lost if not any(g.start < end and start < g.end for g in gaps(events))]
    assert unreported == []


UNIQUE = make_talk(*(part for i in range(70) for part in (f"w{i}a w{i}b w{i}c.", 0.7 if i % 3 else 0.2)))
assert len(set(UNIQUE.text)) == len(UNIQUE.text)


def test_overrun() -> None:
    """An engine that stalls for longer than the buffer: the loss is reported as a gap, and captions go on after it."""
    events, _ = stall(UNIQUE, 200, 2500)
    assert_losses_are_reported(UNIQUE, events)
    assert gaps(events)
    assert final_words(events)[-1] == UNIQUE.text[-1]


@pytest.mark.parametrize("when", range(100, 400, 25))
def test_overrun_keeps_recognized_words(when: int) -> None:
    """Whenever the engine stalls, the words it had recognized become final, once."""
    events, _ = stall(UNIQUE, when, 2500)
    assert_losses_are_reported(UNIQUE, events)
    earlier_partials = [p for p in partials(events) if p.end <= when / 50 + 0.1]
    shown = earlier_partials[-1].text[: earlier_partials[-1].stable].split()
    assert set(shown) <= set(final_words(events))


@pytest.mark.parametrize("delay", [1000, 1600, 2200, 3000])
def test_one_endless_decode(delay: int) -> None:
    """A single decode that takes longer than the buffer loses audio, reports a gap, and raises nothing."""
    audio = UNIQUE.audio
    jobs: list[Job] = []
    events = play(make_session(SHORT), frames(UNIQUE), UNIQUE.engine, [0] * 5 + [delay], jobs.append)
    assert_losses_are_reported(UNIQUE, events)
    assert all(np.array_equal(j.audio, audio[j.start : j.end]) for j in jobs), "lost audio is never decoded as silence"


@settings(PROPERTY, max_examples=8)
@given(st.integers(0, 600), st.integers(1400, 2600))
def test_any_stall(when: int, length: int) -> None:
    """Whenever and however long the engine stalls: nothing is doubled, and what is lost is reported."""
    events, _ = stall(UNIQUE, when, length)
    assert_losses_are_reported(UNIQUE, events)


def test_overrun_in_the_middle_of_a_sentence() -> None:
    """When long speech without a pause is lost, its words are not doubled either."""
    talk = make_talk(" ".join(f"w{i}" for i in range(300)) + " done")
    for when in range(150, 290, 20):
        events, _ = stall(talk, when, 2500)
        assert_losses_are_reported(talk, events)


def test_overrun_of_a_cut_utterance() -> None:
    """An update decoded beyond the place where speech is cut afterwards: its words from there on do not come twice."""
    talk = make_talk(" ".join(f"w{i}" for i in range(400)) + " done")
    session, events = make_session(SpeechSettings(max_utterance_s=28, buffer_s=30)), []
    for block in frames(talk):
        events += session.push(block)
        now = block.end / SAMPLE_RATE
        while (now < 28.5 or now > 62) and (job := session.next_job()):
            events += session.apply(talk.engine.decode(job))
    assert_losses_are_reported(talk, events)


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
    """Text is dropped if it is improbable, or if there seems to be no speech and it is uncertain."""
    talk = make_talk("mmm")
    speech = SpeechSettings(no_speech=0.6, unsure_logprob=-0.5, min_logprob=-1.5)
    events = play(make_session(speech), frames(talk), Unsure(no_speech, logprob))
    assert final_words(events) == ([] if doubtful else ["Thanks."])
    assert [e for e in events if not isinstance(e, Status)] == [] or not doubtful


@pytest.mark.parametrize("no_speech", [0.0, 0.9])
def test_improbable_text_is_always_dropped(no_speech: float) -> None:
    """The least log-probability holds whatever the probability of no speech is."""
    speech = SpeechSettings(min_logprob=-0.3, unsure_logprob=-0.5)
    talk = make_talk("mmm")
    assert final_words(play(make_session(speech), frames(talk), Unsure(no_speech, -0.4))) == []


def test_doubt_takes_back_a_partial() -> None:
    """A partial that turns out to be no speech is taken back by an empty final."""
    talk = make_talk("mmmmmmmmmmmmmmmmmmmm")

    class Later(Unsure):
        def decode(self, job: Job) -> Hypothesis:
            self.logprob = -2.0 if job.final else -0.1
            return super().decode(job)

    events = play(make_session(SpeechSettings(hold_ms=3000)), frames(talk), Later(0.0, 0.0))
    assert_caption_rules(events)
    assert partials(events)[0].text == "Thanks."
    (final,) = finals(events)
    assert (final.text, final.words) == ("", ())
    assert final.id == partials(events)[0].id


@pytest.mark.parametrize("doubtful", [False, True])
def test_a_doubtful_word_is_shown_late(doubtful: bool) -> None:
    """A word of low probability is not shown for a second, unless it becomes certain."""
    talk = make_talk("mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm")
    probability = SHOW_PROBABILITY - (0.01 if doubtful else 0)
    shown = partials(play(make_session(SpeechSettings(hold_ms=3000)), frames(talk), Unsure(0.0, -0.1, probability)))
    assert shown[0].text == "Thanks."
    word_end_s = shown[0].start + 0.2
    assert (shown[0].end >= word_end_s + 1) == doubtful


def test_doubt_keeps_stable_words() -> None:
    """An unreliable end does not take back stable words."""
    talk = make_talk("one two three four five six seven eight")
    engine = talk.engine

    class Later(Unsure):
        def decode(self, job: Job) -> Hypothesis:
            sure = engine.decode(job)
            return Hypothesis(job, sure.words, "en", 0.0, -2.0 if job.final else -0.1)

    events = play(make_session(), frames(talk), Later(0.0, 0.0))
    assert_caption_rules(events)
    stable_text = partials(events)[-1].text[: partials(events)[-1].stable]
    assert stable_text
    assert " ".join(final_words(events)) == stable_text


# ---- jobs


def test_one_job_at_a_time() -> None:
    """While a job is out there is no other, and its answer is taken once."""
    session = make_session()
    for block in frames(HELLO):
        session.push(block)
    job = session.next_job()
    assert job
    assert session.need() is DecodeNeed.NOTHING
    assert session.next_job() is None
    assert not session.settled
    session.apply(HELLO.engine.decode(job))
    with pytest.raises(RuntimeError, match="room"):
        session.apply(HELLO.engine.decode(job))


def test_a_hypothesis_without_a_job() -> None:
    """A hypothesis without a job is an error of the caller."""
    job = Job("room", 0, np.zeros(0, dtype=np.float32), final=True)
    with pytest.raises(RuntimeError, match="no job is out"):
        make_session().apply(Hypothesis(job, (), "en"))


def test_interrupt_completes_the_utterance() -> None:
    """When the audio ends in the middle of speech, the words so far become final."""
    talk = make_talk("one two three four five six seven eight")
    end = talk.words[5][2] * FRAME
    events = play(make_session(), cut(talk.audio[:end], [FRAME]), talk.engine)
    assert final_words(events) == talk.text[:6]


def test_capacity() -> None:
    """The buffer is as long as it is set."""
    assert Session("a", SpeechSettings(buffer_s=60), lambda _: DrawnDetector(), None).capacity == 60 * SAMPLE_RATE


def test_context_leaves_room_for_the_longest_utterance() -> None:
    """An utterance that grows as long as the window is decoded whole, if need be without its context."""
    talk = make_talk("We went.", 1.0, "so " * 220 + "it was.", 1.0, "Right.")
    jobs: list[Job] = []
    events = play(
        make_session(SpeechSettings(max_utterance_s=28, window_s=28)), frames(talk), talk.engine, watch=jobs.append
    )
    assert max(len(j.audio) for j in jobs) > samples_from_ms(25_000)
    assert all(len(j.audio) <= MAX_WINDOW for j in jobs)
    assert final_words(events) == talk.text
