"""Jobs decoded side by side, with real weights, compared with the same jobs one by one."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import Hypothesis, Job
from streamstt.errors import EngineError
from streamstt.whisper import streaming
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.decoding.generation_config import detect_language
from streamstt.whisper.streaming import StreamingEngine
from tests.support.streaming import COARSE, EXACT, SHORT, drafted, job, recording, text_of, tokens_of

SPEECH = np.concatenate([recording("meeting"), recording("short"), recording("long_sentence")])
LENGTHS = (3.1, 6.4, 1.2, 3.6, 0.3, 9.0)  # seconds


def jobs() -> list[Job]:
    """Windows of many lengths, and one of noise."""
    ends = np.cumsum([samples_from_ms(s * 1000) for s in LENGTHS])
    windows = [job(SPEECH[a:b], start=a) for a, b in pairwise([0, *map(int, ends)])]
    return [*windows, job(recording("noise")[: samples_from_ms(2000)], start=10**7)]


def in_order(hypotheses: Iterator[Hypothesis]) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda hypothesis: hypothesis.job.start)


@pytest.fixture(scope="module")
def exact(tiny_folder: Path) -> StreamingEngine:
    """whisper-tiny.en in float32."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), EXACT)


@pytest.fixture(scope="module")
def coarse(tiny_folder: Path) -> StreamingEngine:
    """The same in int8."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), COARSE)


@pytest.fixture(scope="module")
def alone(exact: StreamingEngine) -> list[Hypothesis]:
    """The jobs one by one, in float32."""
    return [exact.decode(one) for one in jobs()]


@pytest.fixture(scope="module")
def base(base_folder: Path) -> StreamingEngine:
    """whisper-base, multilingual, in float32."""
    return StreamingEngine(Checkpoint("base", base_folder, "cache"), EXACT)


@pytest.fixture(params=[1, 3, 16])
def max_batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Number of jobs side by side: one after the other, several that are replaced when complete, all at once."""
    monkeypatch.setattr(streaming, "MAX_BATCH", request.param)
    return int(request.param)


def test_the_text_is_that_of_one_by_one(exact: StreamingEngine, alone: list[Hypothesis], max_batch: int) -> None:
    """In float32 tokens, words, times and probabilities do not depend on other jobs."""
    batch = in_order(exact.decode_batch(jobs()))
    assert [tokens_of(h) for h in batch] == [tokens_of(h) for h in alone]
    for a, b in zip(batch, alone, strict=True):
        assert a.job.start == b.job.start
        assert [w.text for w in a.words] == [w.text for w in b.words]
        assert all(abs(x.end - y.end) <= samples_from_ms(40) for x, y in zip(a.words, b.words, strict=True))
        assert (a.logprob, a.no_speech) == pytest.approx((b.logprob, b.no_speech), abs=1e-3)
        assert a.language == b.language


def test_in_int8(coarse: StreamingEngine) -> None:
    """In int8 nearly all texts are the same: a pass of several tokens rounds differently from one of a single token."""
    alone = [tokens_of(coarse.decode(one)) for one in jobs()]
    batch = [tokens_of(h) for h in in_order(coarse.decode_batch(jobs()))]
    same = sum(a == b for a, b in zip(alone, batch, strict=True))
    assert same >= len(alone) - 2


def test_committed_words_are_continued(exact: StreamingEngine) -> None:
    """A job continues after its committed words, and a draft changes nothing."""
    whole = exact.decode(job(SHORT)).words
    batch = [
        job(SHORT, start=0, committed=whole[:4]),
        job(SHORT, start=1, draft=whole),
        job(SHORT, start=2, draft=drafted([11, 40_000, 7])),
        job(SHORT, start=3, committed=whole),
    ]
    first, *others, last = in_order(exact.decode_batch(batch))
    assert tokens_of(first) == [t for w in whole[4:] for t in w.tokens]
    assert all(tokens_of(other) == [t for w in whole for t in w.tokens] for other in others)
    assert last.words == ()


def test_each_job_has_its_own_limit(
    exact: StreamingEngine, alone: list[Hypothesis], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of tokens depends on the audio of the job itself."""
    monkeypatch.setattr(streaming, "max_tokens", lambda language, task, seconds: int(seconds) + 10)
    limits = [int(seconds) + 10 for seconds in (*LENGTHS, 2)]
    expected = [tokens_of(h)[:limit] for h, limit in zip(alone, limits, strict=True)]
    assert len({len(tokens) for tokens in expected} & set(limits)) > 1, "limits that differ must end some texts"
    assert [tokens_of(h) for h in in_order(exact.decode_batch(jobs()))] == expected


def test_each_job_has_its_own_language(base: StreamingEngine) -> None:
    """Each job has its language, given or detected, as if it were alone."""
    audio = SHORT[: samples_from_ms(3000)]
    batch = [job(audio, start=i, language=code) for i, code in enumerate([None, "de", "en"])]
    hypotheses = in_order(base.decode_batch(batch))
    assert [h.language for h in hypotheses] == ["en", "de", "en"]
    assert [text_of(h) for h in hypotheses] == [text_of(base.decode(one)) for one in batch]


@pytest.mark.parametrize(("confidence", "expected"), [(0.5, ["fr", "en", "en"]), (1.0, ["fr", "fr", "fr"])])
def test_the_language_before_is_expected(
    base: StreamingEngine, monkeypatch: pytest.MonkeyPatch, confidence: float, expected: list[str]
) -> None:
    """A language detected with confidence is expected in the next job; otherwise that job's own expectation holds."""
    recorded: list[str | None] = []

    def record_expected(logits: torch.Tensor, languages: Mapping[str, int], expected: str | None) -> str:
        recorded.append(expected)
        return detect_language(logits, languages, None)

    monkeypatch.setattr(streaming, "detect_language", record_expected)
    monkeypatch.setattr(streaming, "MIN_LANGUAGE_PROBABILITY", confidence)
    languages = None, "de", None, None
    audio = SHORT[: samples_from_ms(3000)]
    jobs = [replace(job(audio, start=i, language=c), expected_language="fr") for i, c in enumerate(languages)]
    list(base.decode_batch(jobs))
    assert recorded == expected


def test_jobs_are_taken_when_there_is_room(exact: StreamingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are taken up to a number and a size in memory, because later ones may depend on earlier results."""
    taken: list[int] = []

    def source() -> Iterator[Job]:
        for one in jobs():
            taken.append(one.start)
            yield one

    monkeypatch.setattr(streaming, "MAX_BATCH", 4)
    next(exact.decode_batch(source()))
    assert len(taken) <= 5
    taken.clear()
    monkeypatch.setattr(streaming, "MAX_BATCH_BYTES", 1)
    next(exact.decode_batch(source()))
    assert len(taken) == 1


def test_errors(exact: StreamingEngine) -> None:
    """A failure of torch is an error of the engine, one of the source of jobs is not. The engine keeps working."""

    def broken_source() -> Iterator[Job]:
        yield job(SHORT)
        raise OSError("the disk is gone")

    with pytest.raises(EngineError, match="test final"):
        list(exact.decode_batch([job(np.zeros((2, 9), np.float32))]))
    with pytest.raises(OSError, match="the disk is gone"):
        list(exact.decode_batch(broken_source()))
    assert text_of(next(exact.decode_batch([job(SHORT[: samples_from_ms(3000)])])))


def test_the_order_does_not_matter(
    exact: StreamingEngine, alone: list[Hypothesis], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same jobs in any order have the same texts."""
    monkeypatch.setattr(streaming, "MAX_BATCH", 3)
    batch = jobs()
    random.Random(7).shuffle(batch)
    assert [tokens_of(h) for h in in_order(exact.decode_batch(batch))] == [tokens_of(h) for h in alone]
