"""Recordings that are drawn, heard passage by passage in any order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, SAMPLE_RATE, Block, Samples, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import EngineInfo, Hypothesis, Job
from streamstt.events import Final
from streamstt.recordings.chunks import MAX_CHUNK_S, Chunk, ChunkDecode, ChunkSplitter, write_captions
from streamstt.recordings.transcribe import decode_chunks
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.reliability import MAX_RETRIES
from tests.support.drawing import FRAMES_A_SECOND, PROPERTY, DrawnDetector, Talk, cut, draw, talks, tell
from tests.support.unreliable_engines import TALK, HallucinatingEngine, SkippingEngine


def judge(samples: Samples) -> list[bool]:
    """Sees in the audio what was drawn."""
    return [DrawnDetector().is_speech(samples[i : i + FRAME]) for i in range(0, len(samples), FRAME)]


@dataclass
class Many:
    """Answers the newest of up to ``room`` jobs first."""

    decode: Callable[[Job], Hypothesis]
    room: int = 1
    info: EngineInfo = TALK.engine.info

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        waiting, held = iter(jobs), []
        while True:
            while len(held) < self.room and (job := next(waiting, None)):
                held.append(job)
            if not held:
                return
            yield self.decode(held.pop())


def passages(audio: Samples, sizes: Iterable[int] = (samples_from_ms(10_000),), *, join: bool = True) -> list[Chunk]:
    cutter = ChunkSplitter(SpeechSettings(), judge, join=join)
    return [*(p for block in cut(audio, sizes) for p in cutter.push(block)), *cutter.flush()]


def listen(talk: Talk, engine: Many, *, language: str | None = "en") -> list[Final]:
    cut_up = passages(talk.audio, join=language is not None)
    heard = list(decode_chunks((ChunkDecode(p, "room", SpeechSettings(), language) for p in cut_up), engine))
    heard.sort(key=lambda listening: listening.start)
    writer = CaptionWriter("room")
    return [final for listening in heard for final in write_captions(listening, writer, SpeechSettings())]


def said(finals: list[Final]) -> list[str]:
    return [word.text for final in finals for word in final.words]


@settings(PROPERTY)
@given(talks(), st.sampled_from([1, 3, 16]), st.sampled_from(["en", None]))
def test_every_word_is_heard_once(talk: Talk, room: int, language: str | None) -> None:
    """Whatever is said, and in whatever order passages are answered: each word comes once, in order, at its time."""
    finals = listen(talk, Many(talk.engine.decode, room), language=language)
    assert said(finals) == talk.text
    words = [word for final in finals for word in final.words]
    for word, (_, start, end) in zip(words, talk.words, strict=True):
        assert (word.start, word.end) == pytest.approx((start / FRAMES_A_SECOND, end / FRAMES_A_SECOND), abs=0.02)


@settings(PROPERTY, max_examples=20)
@given(talks(), st.lists(st.integers(50, 5000), min_size=1, max_size=5))
@example(tell("one two three"), [1])
def test_blocks_of_any_size(talk: Talk, sizes: list[int]) -> None:
    """However a recording is read, its passages are the same."""
    for a, b in zip(passages(talk.audio), passages(talk.audio, sizes), strict=True):
        assert (a.start, len(a.samples)) == (b.start, len(b.samples))
        assert np.array_equal(a.samples, b.samples)


def test_passages_are_as_long_as_serves() -> None:
    """Short utterances are joined, long ones are cut, and none is longer than the longest."""
    chat = tell(*(part for _ in range(20) for part in ("Yes indeed.", 1.0)))
    joined, apart = passages(chat.audio), passages(chat.audio, join=False)
    assert len(apart) == 20
    assert len(joined) < 6
    speech = passages(draw("s" * 60 * FRAMES_A_SECOND))
    assert max(len(p.samples) for p in (*joined, *speech)) <= samples_from_ms(MAX_CHUNK_S * 1000)
    assert sum(len(p.samples) for p in speech) == samples_from_ms(60_000)


def test_a_passage_does_not_wait_for_ever() -> None:
    """After an utterance minutes of silence may follow: its audio is kept no longer than another could join it."""
    cutter = ChunkSplitter(SpeechSettings(), judge, join=True)
    picture = "." * FRAMES_A_SECOND + "s" * FRAMES_A_SECOND + "." * (MAX_CHUNK_S + 1) * FRAMES_A_SECOND
    early = [p for block in cut(draw(picture), [SAMPLE_RATE]) for p in cutter.push(block)]
    assert len(early) == 1
    assert list(cutter.flush()) == []
    assert float(early[0].samples.max()) > 0.1


def test_nothing() -> None:
    """No audio, or silence, has no passage."""
    assert passages(draw("")) == passages(draw("." * 500)) == []
    assert list(ChunkSplitter(SpeechSettings(), judge, join=True).push(Block(0, np.zeros(5, np.float32)))) == []


@pytest.mark.parametrize("room", [1, 4])
@pytest.mark.parametrize(
    ("first", "last"), [(0, 9), (9, 15), (15, 19)], ids=["beginning", "middle", "end"]
)  # of a talk of 19 words
def test_what_was_skipped_is_heard_after_all(first: int, last: int, room: int) -> None:
    """Speech that no word stands for is decoded again by itself."""
    engine = SkippingEngine(TALK.engine, first, last, [])
    assert said(listen(TALK, Many(engine.decode, room))) == TALK.text
    assert 2 <= len(engine.jobs) <= 6


@pytest.mark.parametrize("length", [samples_from_ms(20), samples_from_ms(500), samples_from_ms(30_000)])
def test_what_is_made_up_is_not_asked_for_again_and_again(length: int) -> None:
    """A word that stands at the beginning of any audio, however long, does not keep the engine."""
    engine = HallucinatingEngine(length)
    words = said(listen(TALK, Many(engine.decode)))
    assert 1 <= len(words) <= 2**MAX_RETRIES
    assert len(engine.jobs) <= 2 ** (MAX_RETRIES + 1)


def test_doubtful_text_is_dropped() -> None:
    """Text that the engine hardly believes is no caption."""
    engine = Many(lambda job: replace(TALK.engine.decode(job), logprob=-3.0))
    assert listen(TALK, engine) == []


def test_the_language_that_was_detected_is_kept() -> None:
    """What is asked for again in a passage is in the language that the passage began in."""
    skipping = SkippingEngine(TALK.engine, 9, 15, [])
    finals = listen(TALK, Many(lambda job: replace(skipping.decode(job), language=job.language or "de")), language=None)
    assert [job.language for job in skipping.jobs] == [None] + ["de"] * (len(skipping.jobs) - 1)
    assert {final.language for final in finals} == {"de"}


def test_the_language_before_is_expected() -> None:
    """Where languages are detected, each utterance is told what the one before it was in, if anything was said."""
    talk = tell("One.", 1.0, "Two.", 1.0, "Three.", 1.0, "Four.")
    told: list[str | None] = []
    spoken = iter(["de", "xx", "en", "de"])

    def decode(job: Job) -> Hypothesis:
        told.append(job.expected_language)
        language = next(spoken)
        words = () if language == "xx" else talk.engine.decode(job).words
        return Hypothesis(job, words, language)

    cut_up = passages(talk.audio, join=False)
    heard = list(decode_chunks((ChunkDecode(p, "room", SpeechSettings(), None) for p in cut_up), Many(decode)))
    assert told == [None, "de", "de", "en"]
    assert [listening.language for listening in heard] == ["de", "xx", "en", "de"]


def test_no_more_is_read_than_the_engine_takes() -> None:
    """Passages are cut when the engine has room for them: a recording of hours is not held."""
    taken = 0

    def fresh() -> Iterator[ChunkDecode]:
        nonlocal taken
        for passage in passages(tell(*(p for _ in range(30) for p in ("Yes indeed.", 1.0))).audio, join=False):
            taken += 1
            yield ChunkDecode(passage, "room", SpeechSettings(), "en")

    answers = decode_chunks(fresh(), Many(lambda job: Hypothesis(job, (), "en"), room=4))
    for done in range(1, 10):
        next(answers)
        assert taken <= done + 4
