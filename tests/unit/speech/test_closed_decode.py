"""What becomes of speech that has ended: one decode if all of it has words, others for what was skipped."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, SAMPLE_RATE, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.speech.closed_decode import MAX_DEPTH, ClosedDecode
from streamstt.speech.reliability import SpeechFrames
from tests.support.drawing import PROPERTY

Answer = Callable[[Job], Sequence[RecognizedWord]]


def word(text: str, start_s: float, end_s: float) -> RecognizedWord:
    return RecognizedWord(f" {text}", round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE), 0.9)


def speech(*ranges: tuple[float, float]) -> SpeechFrames:
    """The frames with speech between these times, in seconds."""
    frames = SpeechFrames()
    for start_s, end_s in ranges:
        for start in range(round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE), FRAME):
            frames.add(start)
    return frames


def decode(answer: Answer, frames: SpeechFrames, seconds: float, **job: object) -> tuple[list[str], list[Job]]:
    """The words that come out, and the jobs that it took; ``answer`` is the engine, an empty text says it looped."""
    jobs = []
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for start in frames.starts:
        audio[start : start + FRAME] = 0.1
    decoding = ClosedDecode(replace(Job("room", 0, audio, final=True, language="en"), **job), frames, SpeechSettings())  # type: ignore[arg-type]
    while current := decoding.job:
        jobs.append(current)
        words = tuple(answer(current))
        looped = any(not w.text.strip() for w in words)
        decoding.apply(Hypothesis(current, tuple(w for w in words if w.text.strip()), "en", looped=looped))
    starts = [w.start for w in decoding.words]
    assert starts == sorted(starts)
    assert all(a.end <= b.start for a, b in zip(decoding.words, decoding.words[1:], strict=False))
    assert all(w.end > w.start for w in decoding.words)
    return [w.text.strip() for w in decoding.words], jobs


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("$349,999", 4.2),
        ("1-800-555-0199", 8.0),
        ("12,456,789", 6.0),
        ("3.141592653589793", 7.0),
        ("23/11/1987", 4.0),
        ("www.city-library.org", 4.5),
        ("john.smith@example.com", 4.0),
        ("Donaudampfschifffahrt", 2.0),
    ],
)
def test_a_number_or_an_address_is_one_word(text: str, seconds: float) -> None:
    """What is one word to the model takes the time of the many that are said; it is not split."""
    said, jobs = decode(lambda _: [word(text, 0.5, 0.5 + seconds)], speech((0.5, 0.5 + seconds)), seconds + 1)
    assert (said, len(jobs)) == ([text], 1)


def test_what_was_split_must_say_more() -> None:
    """A drawn-out word is heard again in halves; if these say no more, the whole stays."""

    def answer(job: Job) -> list[RecognizedWord]:
        if (job.start, job.end) == (0, 5 * SAMPLE_RATE):
            return [word("Well", 0.5, 2.5), word("thanks.", 2.5, 4.4)]
        end = min(job.end, round(2.4 * SAMPLE_RATE))
        return [RecognizedWord(" Oh", job.start, end, 0.9)] if job.start == 0 else [word("thanks.", 3.6, 4.4)]

    said, jobs = decode(answer, speech((0.5, 4.4)), 5.0)
    assert said == ["Well", "thanks."]
    assert len(jobs) > 1


def test_what_says_more_is_taken() -> None:
    """A short word that lasts too long hides a sentence, which is heard when it begins or ends the audio."""
    sentence = [word(t, 1.0 + 0.3 * i, 1.25 + 0.3 * i) for i, t in enumerate(["please", "mind", "the", "gap"])]

    def answer(job: Job) -> list[RecognizedWord]:
        if job.start == 0 and job.end > 3 * SAMPLE_RATE:
            return [word("gap.", 0.5, 2.4), word("Please", 2.4, 2.7)]
        spoken = [word("gap.", 0.5, 0.9), *sentence, word("Please", 2.4, 2.7)]
        return [w for w in spoken if job.start <= w.start and w.end <= job.end]

    said, _ = decode(answer, speech((0.5, 0.9), (0.96, 2.8)), 3.2)
    assert said == ["gap.", "please", "mind", "the", "gap", "Please"]


def test_after_a_repetition_the_rest_is_heard() -> None:
    """When the engine was stopped because it repeated itself, what follows is decoded by itself."""

    def answer(job: Job) -> list[RecognizedWord]:
        if job.start == 0:
            return [word("Wait,", 0.5, 0.75), word("wait,", 0.75, 3.5), word("", 3.5, 3.5)]
        return [w for w in (word("I", 2.0, 2.2), word("forgot.", 2.2, 2.7)) if job.start <= w.start]

    said, jobs = decode(answer, speech((0.5, 2.8)), 3.5)
    assert said == ["Wait,", "wait,", "I", "forgot."]
    assert jobs[1].start < samples_from_ms(1300), "it begins soon after the last word that was heard"


def test_a_phrase_that_was_cut_off_is_heard_again() -> None:
    """What follows the last comma was within the repetition: it is not written twice, nor as a new sentence."""

    def answer(job: Job) -> list[RecognizedWord]:
        if job.start == 0:
            heard = [("Mind", 0.5), ("it,", 0.8), ("mind", 1.1), ("it,", 1.4), ("mind", 1.7), ("", 2.4)]
            return [word(text, at, at + 0.3) for text, at in heard]
        return [word("Mind", 1.8, 2.0), word("it.", 2.0, 2.3)]

    said, _ = decode(answer, speech((0.5, 2.4)), 2.8)
    assert said == ["Mind", "it,", "mind", "it,", "mind", "it."]


def test_what_follows_committed_words_is_heard() -> None:
    """An engine that finds nothing after the committed words, though somebody speaks: it is decoded without them."""
    committed = (word("Yes.", 0.5, 0.8),)

    def answer(job: Job) -> list[RecognizedWord]:
        return [] if job.committed else [word("I", 2.0, 2.2), word("do.", 2.2, 2.9)]

    said, jobs = decode(answer, speech((0.5, 0.8), (2.0, 3.1)), 3.5, committed=committed)
    assert said == ["I", "do."]
    assert [len(job.committed) for job in jobs] == [1, 0]


@pytest.mark.parametrize("pause_s", [0.5, 1, 3, 5, 11, 30])
def test_a_pause_belongs_to_no_word(pause_s: float) -> None:
    """The engine divides all audio among its words; a word begins and ends where it is spoken."""
    again = 1.0 + pause_s
    somewhere = 1.0 + pause_s / 3
    words = [word("open.", 0.5, somewhere), word("Please", somewhere, again + 0.4)]
    decoding = ClosedDecode(
        Job("room", 0, np.zeros(round((again + 1) * SAMPLE_RATE), np.float32), final=True, language="en"),
        speech((0.5, 1.0), (again, again + 0.4)),
        SpeechSettings(),
    )
    assert decoding.job
    decoding.apply(Hypothesis(decoding.job, tuple(words), "en"))
    first, second = decoding.words
    assert first.end / SAMPLE_RATE == pytest.approx(1.0, abs=0.25)
    assert second.start / SAMPLE_RATE == pytest.approx(again, abs=0.25)


def test_a_number_keeps_its_pauses() -> None:
    """A number that is read in groups lasts from the first to the last of them."""
    groups = speech((0.6, 1.4), (1.8, 2.6), (3.0, 4.2))
    decoding = ClosedDecode(
        Job("room", 0, np.zeros(5 * SAMPLE_RATE, np.float32), final=True, language="en"), groups, SpeechSettings()
    )
    assert decoding.job
    decoding.apply(Hypothesis(decoding.job, (word("1-800-555", 0.0, 5.0),), "en"))
    (number,) = decoding.words
    assert (number.start / SAMPLE_RATE, number.end / SAMPLE_RATE) == (0.6, 4.2)


RANGES = st.lists(st.tuples(st.floats(0, 9), st.floats(0.02, 3)), max_size=5)
WORDS = st.lists(
    st.tuples(st.sampled_from(["a", "gap.", "$349,999", "no,"]), st.floats(0, 10), st.floats(0, 4)), max_size=6
)


@settings(PROPERTY)
@given(RANGES, st.lists(WORDS, min_size=1, max_size=4), st.booleans())
def test_whatever_the_engine_answers(
    ranges: list[tuple[float, float]], answers: list[list[tuple[str, float, float]]], looped: bool
) -> None:
    """A bounded number of decodes, of audio within the speech; times never run backwards, no word is empty."""
    count = 0

    def answer(job: Job) -> list[RecognizedWord]:
        nonlocal count
        count += 1
        at = job.start / SAMPLE_RATE
        words = []
        for text, start_s, length_s in answers[count % len(answers)]:
            at = min(max(at, start_s), job.end / SAMPLE_RATE)
            end = min(at + length_s, job.end / SAMPLE_RATE)
            words.append(word(text, at, end))
            at = end
        return [*words, word("", at, at)] if looped and words else words

    merged = sorted({round(a / 0.02) + i for a, length in ranges for i in range(round(length / 0.02))})
    frames = SpeechFrames()
    for frame in merged:
        frames.add(frame * FRAME)
    _, jobs = decode(answer, frames, 10)
    assert len(jobs) < 3 ** (MAX_DEPTH + 1)
    assert all(0 <= job.start < job.end <= 10 * SAMPLE_RATE for job in jobs)
