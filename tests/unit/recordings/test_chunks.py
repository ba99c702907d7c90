"""Drawn recordings, decoded chunk by chunk in any order."""

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
from streamstt.recordings.captions import RecordingCaptions
from streamstt.recordings.chunks import MAX_CHUNK_S, Chunk, ChunkDecode, ChunkSplitter
from streamstt.recordings.transcribe import decode_chunks
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.closed_decode import MAX_DEPTH
from tests.support.drawing import FRAMES_A_SECOND, PROPERTY, DrawnDetector, Talk, cut, draw, make_talk, talks
from tests.support.unreliable_engines import TALK, HallucinatingEngine, SkippingEngine


def detect(samples: Samples) -> list[bool]:
    """Sees in the audio what was drawn."""
    return [DrawnDetector().is_speech(samples[i : i + FRAME]) for i in range(0, len(samples), FRAME)]


@dataclass
class BatchEngine:
    """An engine that decodes up to ``room`` jobs at a time, the newest first."""

    decode: Callable[[Job], Hypothesis]
    room: int = 1
    info: EngineInfo = TALK.engine.info

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        pending, running = iter(jobs), []
        while True:
            while len(running) < self.room and (job := next(pending, None)):
                running.append(job)
            if not running:
                return
            yield self.decode(running.pop())


def split(audio: Samples, sizes: Iterable[int] = (samples_from_ms(10_000),), *, join: bool = True) -> list[Chunk]:
    splitter = ChunkSplitter(SpeechSettings(), detect, join=join)
    return [*(p for block in cut(audio, sizes) for p in splitter.push(block)), *splitter.flush()]


def transcribe(talk: Talk, engine: BatchEngine, *, language: str | None = "en") -> list[Final]:
    chunks = split(talk.audio, join=language is not None)
    decoded = list(decode_chunks((ChunkDecode(p, "room", SpeechSettings(), language) for p in chunks), engine))
    decoded.sort(key=lambda decode_: decode_.start)
    captions = RecordingCaptions(CaptionWriter("room"), SpeechSettings())
    return [*(final for decode_ in decoded for final in captions.add(decode_)), *captions.flush()]


def words_of(finals: list[Final]) -> list[str]:
    return [word.text for final in finals for word in final.words]


@settings(PROPERTY)
@given(talks(), st.sampled_from([1, 3, 16]), st.sampled_from(["en", None]))
def test_every_word_comes_once(talk: Talk, room: int, language: str | None) -> None:
    """Whatever is spoken, and in whatever order chunks are decoded: each word comes once, in order, at its time."""
    finals = transcribe(talk, BatchEngine(talk.engine.decode, room), language=language)
    assert words_of(finals) == talk.text
    words = [word for final in finals for word in final.words]
    for word, (_, start, end) in zip(words, talk.words, strict=True):
        assert (word.start, word.end) == pytest.approx((start / FRAMES_A_SECOND, end / FRAMES_A_SECOND), abs=0.02)


@settings(PROPERTY, max_examples=20)
@given(talks(), st.lists(st.integers(50, 5000), min_size=1, max_size=5))
@example(make_talk("one two three"), [1])
def test_blocks_of_any_size(talk: Talk, sizes: list[int]) -> None:
    """However a recording is read, its chunks are the same."""
    for a, b in zip(split(talk.audio), split(talk.audio, sizes), strict=True):
        assert (a.start, len(a.samples)) == (b.start, len(b.samples))
        assert np.array_equal(a.samples, b.samples)


def test_chunks_are_as_long_as_is_best() -> None:
    """Short utterances are joined, long ones are cut, and none is longer than the longest."""
    chat = make_talk(*(part for _ in range(20) for part in ("Yes indeed.", 1.0)))
    joined, single = split(chat.audio), split(chat.audio, join=False)
    assert len(single) == 20
    assert len(joined) < 6
    speech = split(draw("s" * 60 * FRAMES_A_SECOND))
    assert max(len(p.samples) for p in (*joined, *speech)) <= samples_from_ms(MAX_CHUNK_S * 1000)
    assert sum(len(p.samples) for p in speech) == samples_from_ms(60_000)


def test_a_chunk_does_not_wait_for_ever() -> None:
    """After an utterance minutes of silence may follow: its audio is kept no longer than another could join it."""
    splitter = ChunkSplitter(SpeechSettings(), detect, join=True)
    picture = "." * FRAMES_A_SECOND + "s" * FRAMES_A_SECOND + "." * (MAX_CHUNK_S + 1) * FRAMES_A_SECOND
    early = [p for block in cut(draw(picture), [SAMPLE_RATE]) for p in splitter.push(block)]
    assert len(early) == 1
    assert list(splitter.flush()) == []
    assert float(early[0].samples.max()) > 0.1


def test_nothing() -> None:
    """No audio, or silence, has no chunk."""
    assert split(draw("")) == split(draw("." * 500)) == []
    assert list(ChunkSplitter(SpeechSettings(), detect, join=True).push(Block(0, np.zeros(5, np.float32)))) == []


@pytest.mark.parametrize("room", [1, 4])
@pytest.mark.parametrize(
    ("first", "last"), [(0, 9), (9, 15), (15, 19)], ids=["beginning", "middle", "end"]
)  # of a talk of 19 words
def test_skipped_speech_is_decoded_again(first: int, last: int, room: int) -> None:
    """Speech that no word stands for is decoded again by itself."""
    engine = SkippingEngine(TALK.engine, first, last, [])
    assert words_of(transcribe(TALK, BatchEngine(engine.decode, room))) == TALK.text
    assert 2 <= len(engine.jobs) <= 6


@pytest.mark.parametrize("length", [samples_from_ms(20), samples_from_ms(500), samples_from_ms(30_000)])
def test_made_up_words_are_not_retried_for_ever(length: int) -> None:
    """A word that stands at the beginning of any audio, however long, does not keep the engine."""
    engine = HallucinatingEngine(length)
    words = words_of(transcribe(TALK, BatchEngine(engine.decode)))
    assert 1 <= len(words) <= 2**MAX_DEPTH
    assert len(engine.jobs) <= 2 ** (MAX_DEPTH + 1)


def test_doubtful_text_is_dropped() -> None:
    """Text that the engine hardly believes is no caption."""
    engine = BatchEngine(lambda job: replace(TALK.engine.decode(job), logprob=-3.0))
    assert transcribe(TALK, engine) == []


def test_the_language_that_was_detected_is_kept() -> None:
    """Retries of a chunk are in the language that was detected first."""
    skipping = SkippingEngine(TALK.engine, 9, 15, [])
    finals = transcribe(
        TALK, BatchEngine(lambda job: replace(skipping.decode(job), language=job.language or "de")), language=None
    )
    assert [job.language for job in skipping.jobs] == [None] + ["de"] * (len(skipping.jobs) - 1)
    assert {final.language for final in finals} == {"de"}


def test_the_language_before_is_expected() -> None:
    """Where languages are detected, that of an utterance with words is expected in the next."""
    talk = make_talk("One.", 1.0, "Two.", 1.0, "Three.", 1.0, "Four.")
    expected: list[str | None] = []
    languages = iter(["de", "xx", "en", "de"])

    def decode(job: Job) -> Hypothesis:
        expected.append(job.expected_language)
        language = next(languages)
        words = () if language == "xx" else talk.engine.decode(job).words
        return Hypothesis(job, words, language)

    chunks = split(talk.audio, join=False)
    decoded = list(decode_chunks((ChunkDecode(p, "room", SpeechSettings(), None) for p in chunks), BatchEngine(decode)))
    assert expected == [None, "de", "de", "en"]
    assert [decode_.language for decode_ in decoded] == ["de", "xx", "en", "de"]


def test_no_more_is_read_than_the_engine_takes() -> None:
    """Chunks are split off when the engine has room for them: a recording of hours is not held in memory."""
    taken = 0

    def decodes() -> Iterator[ChunkDecode]:
        nonlocal taken
        for chunk in split(make_talk(*(p for _ in range(30) for p in ("Yes indeed.", 1.0))).audio, join=False):
            taken += 1
            yield ChunkDecode(chunk, "room", SpeechSettings(), "en")

    answers = decode_chunks(decodes(), BatchEngine(lambda job: Hypothesis(job, (), "en"), room=4))
    for done in range(1, 10):
        next(answers)
        assert taken <= done + 4
