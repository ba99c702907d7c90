"""Beam search: writes the few most probable texts side by side, and returns the one whose tokens are most probable.

Greedy decoding (``speculative.py``) takes the best token at each place and cannot take it back: after a wrong word it
often writes a sentence that fits that word. For whole audio, as of a passage that is heard again; an update is too
short to tell which of two texts will go on better. Source: Sutskever et al. 2014, "Sequence to sequence learning with
neural networks". Letters in shapes: as in ``speculative.py``.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import torch

from streamstt.whisper.decoding.repetition import MAX_PERIOD, repeated_suffix_length
from streamstt.whisper.decoding.speculative import DecodedText, DecodeRequest, TokenFilter
from streamstt.whisper.network.decoder import CrossKV, Decoder, DecoderInput, DecoderOutput

WIDTH = 3  # texts side by side; five find hardly more
HOPE = 8  # tokens: a text that is not better than a complete one if so many certain tokens followed is given up


@dataclass(frozen=True, slots=True)
class _Beam:
    """One text so far.

    Attributes:
        kv_cache: Keys and values of all its tokens, its own.
        tokens: The tokens after the forced ones.
        logprobs: Log-probability of each.
        total: Their sum, and that of the end token if the text is complete.
        attention: Rows of attention, each (A, n, T), that together belong to all forced tokens, tokens and the next.
        scores: Log-probabilities of the next token, (V,); None: the text is complete.
        looped: Whether a repetition was cut off.
    """

    kv_cache: torch.Tensor
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    total: float
    attention: tuple[torch.Tensor, ...]
    scores: torch.Tensor | None
    looped: bool = False

    def mean(self, more: int = 1) -> float:
        """Returns the mean log-probability of the tokens and of ``more`` certain ones; 1: the end token."""
        return self.total / (len(self.tokens) + more)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A text, and a token that may follow it."""

    beam: _Beam
    token: int
    logprob: float

    @property
    def total(self) -> float:
        return self.beam.total + self.logprob


BeamSteps = Generator[list[DecoderInput], list[DecoderOutput], DecodedText]
"""Yields what the decoder must read next, is sent its outputs, and returns the text."""


@dataclass(slots=True)
class BeamSearch:
    """Decodes texts with a few alternatives.

    Attributes:
        decoder: The model.
        token_filter: Tokens that may be written.
        device: Where the model runs.
        width: Number of texts side by side.
    """

    decoder: Decoder
    token_filter: TokenFilter
    device: torch.device
    width: int = WIDTH
    _bias: torch.Tensor = field(init=False)
    _start_bias: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._bias = self.token_filter.logit_bias(self.device, at_start=False)
        self._start_bias = self.token_filter.logit_bias(self.device, at_start=True)

    def __call__(self, request: DecodeRequest, cross_kv: CrossKV) -> DecodedText:
        """Decodes one text at once; arguments as of ``steps``."""
        steps = self.steps(request, cross_kv)
        inputs = next(steps)
        while True:
            try:
                inputs = steps.send(self.decoder.forward_batch(inputs))
            except StopIteration as end:
                text: DecodedText = end.value
                return text

    def steps(self, request: DecodeRequest, cross_kv: CrossKV) -> BeamSteps:
        """Decodes one text pass by pass.

        Args:
            request: What to decode, of audio that is complete; its draft is ignored.
            cross_kv: The encoded audio.
        """
        n_known = len(request.prompt) + len(request.forced)
        caches = [self.decoder.make_cache(n_known + request.max_new_tokens) for _ in range(self.width)]
        # Read prompt and committed text.
        rows = [request.start_index, n_known - 1]
        (output,) = yield [DecoderInput([*request.prompt, *request.forced], 0, caches[0], cross_kv, rows)]
        first_logits = output.logits[0].clone()  # a copy, so that the other row is freed
        attention = output.attention[:, len(request.prompt) - 1 :]  # (A, forced + 1, T)
        beams = [_Beam(caches[0], (), (), 0.0, (attention,), self._first_scores(output.logits[1], request))]
        complete: list[_Beam] = []
        while True:
            # Choose the texts that go on; those that end are complete.
            choices = self._choose(beams, complete, request)
            if not choices or len(complete) >= self.width or _is_hopeless(choices, complete):
                break
            # Each reads its new token.
            n_past = n_known + len(beams[0].tokens)
            kv_caches = _assign_caches(choices, caches, n_past)
            inputs = [
                DecoderInput([choice.token], n_past, kv_cache, cross_kv, [0])
                for choice, kv_cache in zip(choices, kv_caches, strict=True)
            ]
            outputs = yield inputs
            written = [self._write(*written) for written in zip(choices, kv_caches, outputs, strict=True)]
            # A text that repeats itself without new audio would never stop.
            beams = [beam for beam in written if not _repetition(beam, request)]
            if not beams:
                complete = complete or [_without_repetition(written[0], request)]
                break
        best = max(complete or beams, key=_Beam.mean)
        return DecodedText(
            tokens=list(best.tokens),
            logprobs=list(best.logprobs),
            n_accepted=0,
            first_logits=first_logits,
            attention=torch.cat(best.attention, dim=1),  # (A, forced + tokens + 1, T)
            looped=best.looped,
        )

    def _first_scores(self, logits: torch.Tensor, request: DecodeRequest) -> torch.Tensor:
        """Returns the log-probabilities of the first token, (V,)."""
        allowed = logits + self._bias
        if not request.forced:
            allowed += self._start_bias
        if request.must_continue:
            allowed[self.token_filter.end_token] = -torch.inf
        return allowed.log_softmax(dim=-1)

    def _choose(self, beams: Sequence[_Beam], complete: list[_Beam], request: DecodeRequest) -> list[_Choice]:
        """Returns the best continuations, at most ``width``, of texts that do not end.

        Args:
            beams: The texts that are not complete, all of the same length.
            complete: Those that are; is extended by those that end now.
            request: Says how long a text may become.
        """
        choices: list[_Choice] = []
        for beam in beams:
            if beam.scores is not None:
                top = beam.scores.topk(min(self.width + 1, len(beam.scores)))
                choices += [
                    _Choice(beam, token, logprob)
                    for token, logprob in zip(top.indices.tolist(), top.values.tolist(), strict=True)
                ]
        going_on: list[_Choice] = []
        for rank, choice in enumerate(sorted(choices, key=lambda choice: -choice.total)):
            if choice.token == self.token_filter.end_token or len(choice.beam.tokens) >= request.max_new_tokens:
                if rank < self.width:
                    complete.append(replace(choice.beam, total=choice.total, scores=None))
            else:
                going_on.append(choice)
            if len(going_on) == self.width:
                break
        return going_on

    def _write(self, choice: _Choice, kv_cache: torch.Tensor, output: DecoderOutput) -> _Beam:
        """Returns the text with its new token, after the decoder has read it."""
        beam = choice.beam
        return _Beam(
            kv_cache=kv_cache,
            tokens=(*beam.tokens, choice.token),
            logprobs=(*beam.logprobs, choice.logprob),
            total=choice.total,
            attention=(*beam.attention, output.attention),
            scores=(output.logits[0] + self._bias).log_softmax(dim=-1),
        )


def _is_hopeless(choices: Sequence[_Choice], complete: Sequence[_Beam]) -> bool:
    """Returns whether a complete text is so much better than the others that none of them will be better."""
    if not complete:
        return False
    best = max(choice.total / (len(choice.beam.tokens) + HOPE) for choice in choices)
    return max(map(_Beam.mean, complete)) > best


def _assign_caches(choices: Sequence[_Choice], caches: Sequence[torch.Tensor], n_past: int) -> list[torch.Tensor]:
    """Returns for each choice a cache that holds the tokens of its text; the first of a text goes on with its own.

    Args:
        choices: At most as many as there are caches.
        caches: All of them.
        n_past: Number of tokens so far.
    """
    used = {id(choice.beam.kv_cache) for choice in choices}
    free = [cache for cache in caches if id(cache) not in used]
    assigned: list[torch.Tensor] = []
    for choice in choices:
        own = choice.beam.kv_cache
        if id(own) in used:
            used.remove(id(own))
            assigned.append(own)
        else:
            assigned.append(free.pop())
            assigned[-1][:, :, :, :n_past] = own[:, :, :, :n_past]
    return assigned


def _repetition(beam: _Beam, request: DecodeRequest) -> int:
    """Returns how many tokens at the end of a text are a repetition."""
    tokens = [*request.forced, *beam.tokens]
    # Attention is put together only if there is a repetition to be looked at.
    if not any(tokens[-n:] == tokens[-2 * n : -n] for n in range(1, min(MAX_PERIOD, len(tokens) // 2) + 1)):
        return 0
    return repeated_suffix_length(tokens, torch.cat(beam.attention, dim=1))


def _without_repetition(beam: _Beam, request: DecodeRequest) -> _Beam:
    """Returns a text without the repetition at its end."""
    keep = max(len(beam.tokens) - _repetition(beam, request), 0)
    rows = torch.cat(beam.attention, dim=1)[:, : len(request.forced) + keep + 1]
    return replace(beam, tokens=beam.tokens[:keep], logprobs=beam.logprobs[:keep], attention=(rows,), looped=True)
