"""The streaming engine with real weights: text and times of one job, and the effect of drafts and committed words."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, RecognizedWord
from streamstt.errors import EngineError
from streamstt.speech.reliability import is_unreliable
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.decoding import generation_config
from streamstt.whisper.network.decoder import DecoderInput, DecoderOutput
from streamstt.whisper.reference import ReferenceEngine
from streamstt.whisper.streaming import StreamingEngine
from tests.support.drawing import PROPERTY
from tests.support.paths import DATA
from tests.support.streaming import COARSE, EXACT, SHORT, drafted, job, recording, text_of, tokens_of
from tests.support.word_errors import word_error_rate

SHORT_MS = len(SHORT) * 1000 // 16000
PlainDecode = Callable[..., Hypothesis]


@pytest.fixture(scope="module")
def exact(tiny_folder: Path) -> StreamingEngine:
    """whisper-tiny.en in float32."""
    return StreamingEngine(Checkpoint("tiny.en", tiny_folder, "cache"), EXACT)


@pytest.fixture(scope="module", params=["float32", "int8"])
def tiny(request: pytest.FixtureRequest, tiny_folder: Path, exact: StreamingEngine) -> StreamingEngine:
    """whisper-tiny.en in float32 and in int8."""
    return exact if request.param == "float32" else StreamingEngine(Checkpoint("tiny.en", tiny_folder, "x"), COARSE)


@pytest.fixture(scope="module")
def base(base_folder: Path) -> StreamingEngine:
    """whisper-base, multilingual, in float32."""
    return StreamingEngine(Checkpoint("base", base_folder, "cache"), EXACT)


@pytest.fixture(scope="module")
def plain() -> PlainDecode:
    """Decodes the beginning of the short recording without draft or committed words, each beginning once."""

    @cache
    def decode(engine: StreamingEngine, end_ms: int = SHORT_MS, *, final: bool = True) -> Hypothesis:
        return engine.decode(job(SHORT[: samples_from_ms(end_ms)], final=final))

    return decode


# ---- drafts

DRAFTS: dict[str, Callable[[list[int]], list[int]]] = {
    "right": lambda t: t,
    "the beginning": lambda t: t[: len(t) // 2],
    "wrong": lambda t: t[::-1],
    "half right": lambda t: t[: len(t) // 2] + t[: len(t) // 2],
    "right but for one": lambda t: [*t[:5], 1000, *t[6:]],
    "one too many": lambda t: [*t[:5], 1000, *t[5:]],
    "one missing": lambda t: [*t[:5], *t[6:]],
    "nonsense": lambda _: [11, 40_000, 7, 1, 1, 1, 30_000],
    "longer than the truth": lambda t: t + t[:4] * 3,
    "far too long": lambda t: t * 40,
    "a loop": lambda t: t[:6] + t[2:6] * 10,
}


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("kind", DRAFTS)
def test_a_draft_changes_nothing(tiny: StreamingEngine, plain: PlainDecode, kind: str, final: bool) -> None:
    """Tokens, words and probability do not depend on the draft."""
    expected = plain(tiny, final=final)
    with_draft = tiny.decode(job(SHORT, final=final, draft=drafted(DRAFTS[kind](tokens_of(expected)))))
    assert tokens_of(with_draft) == tokens_of(expected)
    assert [w.text for w in with_draft.words] == [w.text for w in expected.words]
    assert with_draft.logprob == pytest.approx(expected.logprob, abs=0.01)
    differences = [abs(a.end - b.end) for a, b in zip(with_draft.words, expected.words, strict=True)]
    if "int8" in tiny.info.precision:  # a pass of many tokens rounds differently from one of a single token
        assert sum(x <= samples_from_ms(100) for x in differences) >= 0.9 * len(differences)
    else:
        assert max(differences, default=0) <= samples_from_ms(40)


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("cut_ms", [2700, 3900])
def test_a_draft_beyond_the_audio(tiny: StreamingEngine, plain: PlainDecode, cut_ms: int, final: bool) -> None:
    """A draft that continues after the end of the audio does not change the text either."""
    draft = drafted(tokens_of(plain(tiny)))
    with_draft = tiny.decode(job(SHORT[: samples_from_ms(cut_ms)], final=final, draft=draft))
    assert tokens_of(with_draft) == tokens_of(plain(tiny, cut_ms, final=final))


@settings(PROPERTY, max_examples=8)
@given(st.data())
def test_any_draft(exact: StreamingEngine, plain: PlainDecode, data: st.DataObject) -> None:
    """Nor does any draft of tokens of the text and others."""
    expected = tokens_of(plain(exact))
    right = data.draw(st.integers(0, len(expected)))
    rest = data.draw(st.lists(st.sampled_from(expected) | st.integers(0, 50_000), max_size=12))
    assert tokens_of(exact.decode(job(SHORT, draft=drafted(expected[:right] + rest)))) == expected


def test_a_draft_saves_passes(exact: StreamingEngine, plain: PlainDecode, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft with three mistakes is followed again after each of them, so that few tokens are decoded one by one."""
    expected = tokens_of(plain(exact))
    passes = recorded_passes(exact, monkeypatch)
    draft = [*expected[:3], 1000, *expected[4:7], *expected[8:11], 2000, *expected[11:]]
    assert tokens_of(exact.decode(job(SHORT, draft=drafted(draft)))) == expected
    assert len(passes) <= 5 < len(expected)


def recorded_passes(engine: StreamingEngine, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Returns a list to which the tokens that each later pass reads are added."""
    decoder, passes = engine.network.decoder, list[list[int]]()
    forward = decoder.forward_batch

    def record(inputs: Sequence[DecoderInput]) -> list[DecoderOutput]:
        passes.extend(list(text.tokens) for text in inputs)
        return forward(inputs)

    monkeypatch.setattr(decoder, "forward_batch", record)
    return passes


# ---- from one update to the next

UPDATES = range(1800, 5000, 400)  # ms of the short recording


def test_a_token_that_was_held_back_is_the_draft(
    exact: StreamingEngine, plain: PlainDecode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first token that an update did not write is verified by the next in its first pass, in any window."""
    whole = tokens_of(plain(exact))
    for end_ms in UPDATES:
        hypothesis = exact.decode(job(SHORT[: samples_from_ms(end_ms)], final=False, start=end_ms))
        with monkeypatch.context() as patched:
            passes = recorded_passes(exact, patched)
            assert tokens_of(exact.decode(job(SHORT, draft=hypothesis.words, start=end_ms + 1))) == whole
        n = len(tokens_of(hypothesis))
        if n and whole[:n] == tokens_of(hypothesis) and whole[n] in passes[0]:
            return
    pytest.fail("no token was proposed")


# ---- committed words


@pytest.mark.parametrize("count", [1, 4, 6, 9])
def test_committed_words_are_continued(tiny: StreamingEngine, plain: PlainDecode, count: int) -> None:
    """After the first words the rest is decoded as before, with its times, and the given words do not occur again."""
    whole = plain(tiny).words
    rest = tiny.decode(job(SHORT, committed=whole[:count], draft=whole[count:])).words
    assert [(w.text, w.tokens) for w in rest] == [(w.text, w.tokens) for w in whole[count:]]
    assert all(abs(a.end - b.end) <= samples_from_ms(150) for a, b in zip(rest, whole[count:], strict=True))


def test_all_words_are_committed(tiny: StreamingEngine, plain: PlainDecode) -> None:
    """After all words nothing follows, unless the job requires it."""
    whole = plain(tiny).words
    assert tiny.decode(job(SHORT, committed=whole)).words == ()
    assert tiny.decode(job(SHORT, committed=whole, must_continue=True)).words


@pytest.mark.parametrize("final", [True, False])
def test_a_text_that_must_continue(tiny: StreamingEngine, plain: PlainDecode, final: bool) -> None:
    """If the job requires more words after the committed ones, they are found in the audio that follows."""
    whole = plain(tiny).words
    audio = np.concatenate([SHORT, np.zeros(samples_from_ms(1000), np.float32), SHORT])
    more = tiny.decode(job(audio, final=final, committed=whole, must_continue=True))
    assert word_error_rate("".join(w.text for w in whole), text_of(more)) < 0.2
    assert more.words[0].start >= samples_from_ms(SHORT_MS - 1000)  # the pause before it counts


# ---- times


def assert_possible_times(words: Sequence[RecognizedWord], start: int, audio: Samples) -> None:
    """Words follow each other within the audio, wherever it begins, and have probabilities."""
    assert start <= words[0].start
    assert all(a.start <= a.end <= b.start for a, b in pairwise(words))
    assert words[-1].end <= start + len(audio)
    assert all(w.start < w.end for w in words)
    assert all(0 < w.probability <= 1 for w in words)


def test_times_are_those_of_the_reference(exact: StreamingEngine, tiny_folder: Path) -> None:
    """Nine of ten words end within 300 ms of their end in the reference engine."""
    audio = recording("meeting")
    oracle = ReferenceEngine(Checkpoint("tiny.en", tiny_folder, "cache"), EXACT).decode(job(audio)).words
    words = exact.decode(job(audio)).words
    assert_possible_times(words, 0, audio)
    blocks = SequenceMatcher(
        None, [w.text for w in words], [w.text for w in oracle], autojunk=False
    ).get_matching_blocks()
    differences = [abs(words[b.a + i].end - oracle[b.b + i].end) for b in blocks for i in range(b.size)]
    assert len(differences) > 0.9 * len(oracle), "the texts differ"
    assert sum(x <= samples_from_ms(300) for x in differences) >= 0.9 * len(differences)


# ---- the end of the audio

PARTIALS = range(1500, 5500, 600)  # ms of the short recording


@pytest.mark.parametrize("cut_ms", PARTIALS)
def test_a_partial_holds_back_the_last_word(tiny: StreamingEngine, plain: PlainDecode, cut_ms: int) -> None:
    """While audio continues, a word that begins in its last 0.2 s is held back: it may be half a word."""
    assert all(w.start <= samples_from_ms(cut_ms - 200) for w in plain(tiny, cut_ms, final=False).words)


@pytest.mark.parametrize("cut_ms", PARTIALS)
def test_a_partial_has_the_words_before(tiny: StreamingEngine, plain: PlainDecode, cut_ms: int) -> None:
    """While audio continues, all words that ended a second ago are decoded, even without a draft."""
    expected = [w.text for w in plain(tiny).words if w.end <= samples_from_ms(cut_ms - 1000)]
    words = plain(tiny, cut_ms, final=False).words
    assert [w.text for w in words[: len(expected)]] == expected


def test_a_final_has_the_last_word(tiny: StreamingEngine, plain: PlainDecode) -> None:
    """When no more audio comes, the last word is decoded even if the audio ends with it."""
    audio = SHORT[: plain(tiny).words[-1].end]
    assert text_of(tiny.decode(job(audio))).rstrip(".").endswith("today")
    assert word_error_rate((DATA / "short.txt").read_text(), text_of(plain(tiny))) == 0


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("samples", [0, 1, 100, 400, 1600])
def test_hardly_any_audio(tiny: StreamingEngine, samples: int, final: bool) -> None:
    """A scrap of audio, or none, can be decoded, and words lie within it."""
    hypothesis = tiny.decode(job(np.zeros(samples, np.float32), final=final))
    assert all(0 <= w.start <= w.end <= samples for w in hypothesis.words)


def test_more_audio_than_fits(exact: StreamingEngine) -> None:
    """Audio longer than 30 s is decoded up to there or is an error of the engine, which keeps working."""
    audio = np.concatenate([recording("meeting"), recording("long_sentence")])
    with suppress(EngineError):
        hypothesis = exact.decode(job(audio))
        assert text_of(hypothesis).startswith(" Good morning")
        assert all(w.end <= samples_from_ms(30_000) for w in hypothesis.words)
    assert text_of(exact.decode(job(SHORT[: samples_from_ms(2700)])))


# ---- noise


@pytest.mark.parametrize("window", [(0, 2000), (0, 6000), (3000, 9000), (5000, 15_000)])
def test_noise(tiny: StreamingEngine, window: tuple[int, int]) -> None:
    """Noise has no words, or only in a hypothesis that a session discards."""
    audio = recording("noise")[samples_from_ms(window[0]) : samples_from_ms(window[1])]
    for final in (True, False):
        hypothesis = tiny.decode(job(audio, final=final))
        assert not hypothesis.words or is_unreliable(hypothesis, SpeechSettings())


# ---- the default model


@pytest.mark.parametrize("name", ["meeting", "long_sentence"])
def test_the_text_is_right(base: StreamingEngine, name: str) -> None:
    """With the default model the language is detected, fewer than one word in ten is wrong, and times are possible."""
    audio, start = recording(name), 123_456
    hypothesis = base.decode(job(audio, start=start))
    assert hypothesis.language == "en"
    assert word_error_rate((DATA / f"{name}.txt").read_text(), text_of(hypothesis)) < 0.1
    assert_possible_times(hypothesis.words, start, audio)


def test_the_language(base: StreamingEngine) -> None:
    """English is detected in quiet speech too; a given language is used."""
    assert base.decode(job(recording("quiet"))).language == "en"
    assert base.decode(job(SHORT[: samples_from_ms(2700)], language="de")).language == "de"
    assert len(base.info.languages) == 99


def test_the_expected_language_does_not_override_speech(base: StreamingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech is recognized in its own language, whatever is expected, unless the expectation has an absurd weight."""
    expecting = job(SHORT[: samples_from_ms(2700)], expected_language="de")
    assert base.decode(expecting).language == "en"
    monkeypatch.setattr(generation_config, "LANGUAGE_SWITCH_RATIO", 1e30)
    assert base.decode(expecting).language == "de"
