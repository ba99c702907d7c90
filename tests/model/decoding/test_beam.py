"""Beam search, with a decoder whose probabilities are drawn: the texts can all be tried out."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from streamstt.whisper.decoding import beam
from streamstt.whisper.decoding.beam import BeamSearch
from streamstt.whisper.decoding.speculative import DecodedText, DecodeRequest, TokenFilter
from streamstt.whisper.network.decoder import CrossKV, Decoder, DecoderInput, DecoderOutput

CPU = torch.device("cpu")
END = 4  # tokens 0 to 3 are text
FILTER = TokenFilter(end_token=END, suppressed=(), suppressed_at_start=(), vocabulary_size=END + 1)
REQUEST = DecodeRequest(
    prompt=[0, 1],
    start_index=0,
    forced=[],
    draft=[],
    max_new_tokens=4,
    audio_positions=50,
    unfinished_positions=0,
)
AUDIO = cast("CrossKV", None)


class DrawnDecoder:
    """Draws the probabilities of the next token for each text; it finds the text in the cache, as attention does.

    Each token attends to a place of its own, later than that of the token before, unless ``stuck``.
    """

    def __init__(self, seed: int, favorite: int | None = None, *, stuck: bool = False) -> None:
        self.seed, self.favorite, self.stuck = seed, favorite, stuck

    def make_cache(self, max_tokens: int) -> torch.Tensor:
        return torch.full((1, 2, 1, max_tokens, 1), -1.0)

    def logits(self, text: Sequence[int]) -> torch.Tensor:
        draw = random.Random(f"{self.seed} {list(text)}")
        logits = torch.tensor([draw.gauss(0, 2) for _ in range(END + 1)])
        if self.favorite is not None:
            logits[self.favorite] += 50
        return logits

    def forward_batch(self, inputs: Sequence[DecoderInput]) -> list[DecoderOutput]:
        outputs = []
        for text in inputs:
            end = text.n_past + len(text.tokens)
            text.kv_cache[:, :, :, text.n_past : end] = torch.tensor(text.tokens, dtype=torch.float)[:, None]
            known = [int(token) for token in text.kv_cache[0, 0, 0, :end, 0]]
            logits = torch.stack([self.logits(known[: text.n_past + row + 1]) for row in text.logit_indexes])
            attention = torch.zeros(1, len(text.tokens), 50)
            for row in range(len(text.tokens)):
                attention[0, row, 5 if self.stuck else min(4 * (text.n_past + row), 49)] = 1
            outputs.append(DecoderOutput(logits, attention))
        return outputs


def search(decoder: DrawnDecoder, width: int, request: DecodeRequest = REQUEST) -> DecodedText:
    return BeamSearch(cast("Decoder", decoder), FILTER, CPU, width)(request, AUDIO)


def mean_logprob(decoder: DrawnDecoder, tokens: Sequence[int], request: DecodeRequest = REQUEST) -> float:
    """The measure by which texts are compared: that of all tokens and the end, or the token after the last allowed."""
    known = [*request.prompt, *request.forced]
    total = 0.0
    for n in range(len(tokens) + 1):
        scores = decoder.logits([*known, *tokens[:n]]).log_softmax(-1)
        at_limit = n == len(tokens) == request.max_new_tokens
        total += float(scores.max() if at_limit else scores[tokens[n] if n < len(tokens) else END])
    return total / (len(tokens) + 1)


def assert_text(decoder: DrawnDecoder, text: DecodedText, request: DecodeRequest = REQUEST) -> None:
    """Log-probabilities and attention are those of the tokens."""
    known = [*request.prompt, *request.forced]
    for n, token in enumerate(text.tokens):
        scores = decoder.logits([*known, *text.tokens[:n]]).log_softmax(-1)
        assert text.logprobs[n] == pytest.approx(float(scores[token]), abs=1e-4)
    assert text.attention.shape == (1, len(request.forced) + len(text.tokens) + 1, 50)
    assert torch.equal(text.first_logits, decoder.logits(request.prompt[:1]))
    assert not text.n_accepted


@pytest.mark.parametrize("seed", range(40))
def test_a_wide_search_finds_the_best_text(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no text has to be given up, the result is the most probable of all texts, whatever it continues."""
    monkeypatch.setattr(beam, "HOPE", 10**6)
    decoder = DrawnDecoder(seed)
    request = replace(REQUEST, forced=[2, 3][: seed % 3])
    text = search(decoder, 700, request)
    every = [t for n in range(request.max_new_tokens + 1) for t in itertools.product(range(END), repeat=n)]
    best = max(every, key=lambda tokens: mean_logprob(decoder, tokens, request))
    assert text.tokens == list(best)
    assert_text(decoder, text, request)


@pytest.mark.parametrize("seed", range(40))
def test_one_text_is_greedy(seed: int) -> None:
    """With a width of one each token is the best at its place."""
    decoder = DrawnDecoder(seed)
    text = search(decoder, 1)
    expected: list[int] = []
    while len(expected) < REQUEST.max_new_tokens:
        token = int(decoder.logits([*REQUEST.prompt, *expected]).argmax())
        if token == END:
            break
        expected.append(token)
    assert text.tokens == expected
    assert_text(decoder, text)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_each_text_is_its_own(width: int) -> None:
    """Texts that part do not mix, whichever goes on."""
    request = replace(REQUEST, max_new_tokens=12)
    for seed in range(40):
        decoder = DrawnDecoder(seed)
        assert_text(decoder, search(decoder, width, request), request)


def test_a_text_that_must_go_on() -> None:
    """It has a token even if the model would end it."""
    decoder = DrawnDecoder(0, favorite=END)
    assert search(decoder, 3).tokens == []
    assert search(decoder, 3, replace(REQUEST, forced=[2], must_continue=True)).tokens


def test_what_no_text_begins_with() -> None:
    """Tokens that are not allowed at the start, or anywhere, are not written there."""
    decoder: Any = DrawnDecoder(0, favorite=2)
    limits = replace(FILTER, suppressed_at_start=(2,))
    text = BeamSearch(decoder, limits, CPU)(REQUEST, AUDIO)
    assert text.tokens[0] != 2
    assert set(text.tokens[1:]) == {2}
    text = BeamSearch(decoder, limits, CPU)(replace(REQUEST, forced=[3]), AUDIO)
    assert text.tokens[0] == 2
    assert 2 not in BeamSearch(decoder, replace(FILTER, suppressed=(2,)), CPU)(REQUEST, AUDIO).tokens


def test_a_decoder_that_repeats_itself() -> None:
    """A text that repeats itself without new audio is cut off, and said to be incomplete."""
    text = search(DrawnDecoder(0, favorite=2, stuck=True), 1, replace(REQUEST, max_new_tokens=40))
    assert text.looped
    assert len(text.tokens) < 3
    assert len(text.logprobs) == len(text.tokens) == text.attention.shape[1] - 1


def test_an_honest_repetition() -> None:
    """What is said again, later, is written."""
    text = search(DrawnDecoder(0, favorite=2), 1, replace(REQUEST, max_new_tokens=6))
    assert text.tokens == [2] * 6
    assert not text.looped


def test_no_room_for_a_token() -> None:
    """A text of no tokens has the attention of the one that would follow."""
    decoder = DrawnDecoder(0)
    request = replace(REQUEST, forced=[1], max_new_tokens=0)
    text = search(decoder, 3, request)
    assert text.tokens == []
    assert_text(decoder, text, request)
