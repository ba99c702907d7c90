"""Jobs that are decoded side by side, with real weights, against the same jobs one by one."""

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
from tests.model.test_streaming_decoder import COARSE, EXACT, SHORT, drafted, job, recording, text_of, tokens_of

SPEECH = np.concatenate([recording("meeting"), recording("short"), recording("long_sentence")])
LENGTHS = (3.1, 7.4, 1.2, 9.6, 5.0, 0.3, 6.6, 12.0)  # seconds


def jobs() -> list[Job]:
    """Windows of many lengths, with noise among them."""
    ends = np.cumsum([samples_from_ms(s * 1000) for s in LENGTHS])
    windows = [job(SPEECH[a:b], start=a) for a, b in pairwise([0, *map(int, ends)])]
    return [*windows, job(recording("noise")[: samples_from_ms(4000)], start=10**7)]


def in_order(answers: Iterator[Hypothesis]) -> list[Hypothesis]:
    return sorted(answers, key=lambda heard: heard.job.start)


@pytest.fixture(scope="module")
def exact(tiny_folder: Path) -> StreamingEngine:
    """whisper-tiny.en in float32."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), EXACT)


@pytest.fixture(scope="module")
def coarse(tiny_folder: Path) -> StreamingEngine:
    """The same in 8 bits."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), COARSE)


@pytest.fixture(params=[1, 3, 16])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many jobs side by side: one after the other, some that take the places of others, all at once."""
    monkeypatch.setattr(streaming, "MAX_BATCH", request.param)
    return int(request.param)


def test_the_text_is_that_of_one_by_one(exact: StreamingEngine, most: int) -> None:
    """In float32 the same tokens, words, times and doubts come out, whatever is decoded beside."""
    alone = [exact.decode(one) for one in jobs()]
    beside = in_order(exact.decode_batch(jobs()))
    assert [tokens_of(h) for h in beside] == [tokens_of(h) for h in alone]
    for a, b in zip(beside, alone, strict=True):
        assert a.job.start == b.job.start
        assert [w.text for w in a.words] == [w.text for w in b.words]
        assert all(abs(x.end - y.end) <= samples_from_ms(40) for x, y in zip(a.words, b.words, strict=True))
        assert (a.logprob, a.no_speech) == pytest.approx((b.logprob, b.no_speech), abs=1e-3)
        assert a.language == b.language
    assert most


def test_in_8_bits(coarse: StreamingEngine) -> None:
    """In 8 bits nearly all tokens are the same: a pass of several rounds otherwise than one of a single."""
    alone = [tokens_of(coarse.decode(one)) for one in jobs()]
    beside = [tokens_of(h) for h in in_order(coarse.decode_batch(jobs()))]
    same = sum(a == b for a, b in zip(alone, beside, strict=True))
    assert same >= len(alone) - 2


def test_committed_words_are_continued(exact: StreamingEngine) -> None:
    """A job goes on after its committed words, and a draft changes nothing."""
    whole = exact.decode(job(SHORT)).words
    asked = [
        job(SHORT, start=0, committed=whole[:4]),
        job(SHORT, start=1, draft=whole),
        job(SHORT, start=2, draft=drafted([11, 40_000, 7])),
        job(SHORT, start=3, committed=whole),
    ]
    first, *others, last = in_order(exact.decode_batch(asked))
    assert tokens_of(first) == [t for w in whole[4:] for t in w.tokens]
    assert all(tokens_of(heard) == [t for w in whole for t in w.tokens] for heard in others)
    assert last.words == ()


def test_limits_are_each_ones_own(exact: StreamingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of tokens is that of a job's own audio."""
    monkeypatch.setattr(streaming, "MAX_TOKENS_PER_S", 1)
    alone = [len(tokens_of(exact.decode(one))) for one in jobs()]
    assert [len(tokens_of(h)) for h in in_order(exact.decode_batch(jobs()))] == alone
    assert max(alone) <= 12 + 10


def test_languages_are_each_ones_own(base_folder: Path) -> None:
    """Each job has its language, given or detected, as if it were alone."""
    base = StreamingEngine(Checkpoint("base", base_folder, "cache"), EXACT)
    asked = [job(SHORT, start=i, language=code) for i, code in enumerate([None, "de", "en"])]
    heard = in_order(base.decode_batch(asked))
    assert [h.language for h in heard] == ["en", "de", "en"]
    assert [text_of(h) for h in heard] == [text_of(base.decode(one)) for one in asked]


@pytest.mark.parametrize(("sure", "told"), [(0.5, ["fr", "en", "en"]), (1.0, ["fr", "fr", "fr"])])
def test_the_language_before_is_expected(
    base_folder: Path, monkeypatch: pytest.MonkeyPatch, sure: float, told: list[str]
) -> None:
    """What was surely detected in one job is expected in the next; else what the next says itself."""
    base = StreamingEngine(Checkpoint("base", base_folder, "cache"), EXACT)
    heard: list[str | None] = []

    def note(logits: torch.Tensor, languages: Mapping[str, int], expected: str | None) -> str:
        heard.append(expected)
        return detect_language(logits, languages, None)

    monkeypatch.setattr(streaming, "detect_language", note)
    monkeypatch.setattr(streaming, "MIN_LANGUAGE_PROBABILITY", sure)
    languages = None, "de", None, None
    list(
        base.decode_batch(
            replace(job(SHORT, start=i, language=c), expected_language="fr") for i, c in enumerate(languages)
        )
    )
    assert heard == told


def test_jobs_are_taken_when_there_is_room(exact: StreamingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than so many, nor more than fit into memory: what comes next may depend on the answers so far."""
    taken: list[int] = []

    def asked() -> Iterator[Job]:
        for one in jobs():
            taken.append(one.start)
            yield one

    monkeypatch.setattr(streaming, "MAX_BATCH", 4)
    next(exact.decode_batch(asked()))
    assert len(taken) <= 5
    taken.clear()
    monkeypatch.setattr(streaming, "MAX_BATCH_BYTES", 1)
    next(exact.decode_batch(asked()))
    assert len(taken) == 1


def test_errors(exact: StreamingEngine) -> None:
    """What torch cannot do is an error of the engine; what goes wrong in asking is not. It goes on working."""

    def broken() -> Iterator[Job]:
        yield job(SHORT)
        raise OSError("the disk is gone")

    with pytest.raises(EngineError, match="test final"):
        list(exact.decode_batch([job(np.zeros((2, 9), np.float32))]))
    with pytest.raises(OSError, match="the disk is gone"):
        list(exact.decode_batch(broken()))
    assert text_of(next(exact.decode_batch([job(SHORT)])))


def test_the_order_does_not_matter(exact: StreamingEngine) -> None:
    """Any order of the same jobs has the same texts."""
    asked = jobs()
    expected = [tokens_of(h) for h in in_order(exact.decode_batch(asked))]
    random.Random(7).shuffle(asked)
    assert [tokens_of(h) for h in in_order(exact.decode_batch(asked))] == expected
