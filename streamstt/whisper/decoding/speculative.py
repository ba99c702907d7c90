"""Greedy decoding with a draft: the old text is verified in few passes, and only new tokens are decoded one by one.

The result equals greedy decoding token by token: a draft saves time and changes nothing (in 8 bits, up to the rounding
of a pass of many tokens, which differs from that of one). Speculative decoding is Leviathan et al. 2023; here the draft
is what the same model wrote for a little less audio, and the token that it held back. Letters in shapes: A alignment
heads, T positions of the window, V vocabulary.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from streamstt.whisper.decoding.alignment import attention_share_after
from streamstt.whisper.decoding.attention_rows import AttentionRows
from streamstt.whisper.decoding.drafts import Draft
from streamstt.whisper.decoding.repetition import repeated_suffix_length
from streamstt.whisper.network.decoder import CrossKV, Decoder, DecoderInput, DecoderOutput

MAX_UNFINISHED_ATTENTION = 0.35  # share of a token's attention on unfinished audio, above which it is held back


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens the decoder may write.

    Attributes:
        end_token: The token that ends a text; ids above it are not text either.
        suppressed: Text tokens that are never written (sounds in brackets and the like).
        suppressed_at_start: Tokens that no text begins with.
        vocabulary_size: Number of tokens, V.
    """

    end_token: int
    suppressed: tuple[int, ...]
    suppressed_at_start: tuple[int, ...]
    vocabulary_size: int

    def logit_bias(self, device: torch.device, *, at_start: bool) -> torch.Tensor:
        """Returns what to add to the logits, shape (V,): minus infinity for tokens that are not allowed."""
        bias = torch.zeros(self.vocabulary_size)
        bias[self.end_token + 1 :] = -torch.inf
        bias[list(self.suppressed)] = -torch.inf
        if at_start:
            bias[list(self.suppressed_at_start)] = -torch.inf
        return bias.to(device)


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """A text to decode.

    Attributes:
        prompt: Tokens before the text: start, language and task; possibly a vocabulary before them.
        start_index: Index of the start token in ``prompt``.
        forced: Tokens of the text that are committed.
        draft: Tokens that probably follow.
        max_new_tokens: Most tokens after ``forced``.
        audio_positions: Positions of the window that hold audio; silence follows them.
        unfinished_positions: The last of these, which may hold half a word; a token that attends to them is held back.
        must_continue: The text does not end with the forced tokens.
        scores_draft: Whether the probabilities of all tokens of the draft are asked for.
    """

    prompt: list[int]
    start_index: int
    forced: list[int]
    draft: list[int]
    max_new_tokens: int
    audio_positions: int
    unfinished_positions: int
    must_continue: bool = False
    scores_draft: bool = False


@dataclass(slots=True)
class DecodedText:
    """The text after the forced tokens.

    Attributes:
        tokens: Without the end token.
        logprobs: Log-probability of each token.
        n_accepted: How many tokens come from the draft.
        first_logits: Logits after the start token, shape (V,): the language, and whether there is speech.
        attention: Shape (A, forced + tokens + 1, T): of each token, and of the one that was predicted but not written.
        looped: Whether a repetition was cut off.
        draft_logprobs: Log-probability of each token of the draft after those before it, if they were asked for.
        held_back: The token after the text that was not written because audio is still to come, or None.
    """

    tokens: list[int]
    logprobs: list[float]
    n_accepted: int
    first_logits: torch.Tensor
    attention: torch.Tensor
    looped: bool = False
    draft_logprobs: Sequence[float] = ()
    held_back: int | None = None


DecodeSteps = Generator[DecoderInput, DecoderOutput, DecodedText]
"""Yields what the decoder must read next, is sent the decoder's output, and returns the text."""


@dataclass(slots=True)
class DecodeState:
    """A decode in progress.

    Attributes:
        next_input: What the decoder must read next, while there is no result.
        result: The text once it is complete.
    """

    next_input: DecoderInput
    result: DecodedText | None
    _steps: DecodeSteps


@dataclass(slots=True)
class SpeculativeDecoder:
    """Decodes texts greedily, each from a draft.

    Attributes:
        decoder: The model.
        token_filter: Tokens that may be written.
        device: Where the model runs.
    """

    decoder: Decoder
    token_filter: TokenFilter
    device: torch.device
    _bias: torch.Tensor = field(init=False)
    _start_bias: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._bias = self.token_filter.logit_bias(self.device, at_start=False)
        self._start_bias = self.token_filter.logit_bias(self.device, at_start=True)

    def __call__(self, request: DecodeRequest, cross_kv: CrossKV) -> DecodedText:
        """Decodes one text, with the decoder's default cache."""
        state = self.start(request, cross_kv, self.decoder.default_cache)
        while (result := state.result) is None:
            self.step(state, self.decoder.forward_batch([state.next_input])[0])
        return result

    def start(self, request: DecodeRequest, cross_kv: CrossKV, kv_cache: torch.Tensor) -> DecodeState:
        """Starts a decode. Pass the decoder's output for ``next_input`` to ``step`` until there is a result.

        Args:
            request: What to decode.
            cross_kv: The encoded audio.
            kv_cache: From ``Decoder.make_cache``; texts that are decoded side by side need one each.
        """
        steps = self._decode(request, cross_kv, kv_cache)
        return DecodeState(next(steps), None, steps)

    def step(self, state: DecodeState, output: DecoderOutput) -> None:
        """Continues a decode with the decoder's output for ``state.next_input``, and updates ``state``."""
        try:
            state.next_input = state._steps.send(output)
        except StopIteration as end:
            state.result = end.value

    def _decode(self, request: DecodeRequest, cross_kv: CrossKV, kv_cache: torch.Tensor) -> DecodeSteps:
        """The algorithm: each pass reads a new token and what the draft says comes next, as long as it says something.

        No output of the decoder is bound to a name here: it would stay in memory during the next pass.
        """
        # Read prompt, committed text and draft. Logits: after the start token, and from the last known token on.
        known = [*request.prompt, *request.forced]
        draft = Draft(request.draft)
        proposal = list(request.draft) if request.scores_draft else draft.proposal(request.max_new_tokens)
        rows = [request.start_index, *range(len(known) - 1, len(known) + len(proposal))]
        text, choices = self._start_text(
            request, (yield DecoderInput([*known, *proposal], 0, kv_cache, cross_kv, rows))
        )
        attention = AttentionRows(text.attention, len(request.forced) + 1 + request.max_new_tokens)
        while True:
            # Take what follows each token that was read, up to the first one that the draft did not say.
            n_rows = len(request.forced) + len(text.tokens) + 1
            text.attention = attention.up_to(n_rows)  # (A, forced + tokens + 1, T)
            token, logprob = choices.pop(0)
            if self._is_complete(text, token, request):
                break
            text.tokens.append(token)
            text.logprobs.append(logprob)
            draft.advance(token)
            # A decoder that repeats itself without new audio would never stop.
            if self._remove_loop(text, request):
                break
            if proposal and proposal.pop(0) == token:
                text.n_accepted += 1
                continue
            # Read the new token, and what the draft says comes next.
            proposal = draft.proposal(request.max_new_tokens - len(text.tokens))
            n_past, rows = len(known) + len(text.tokens) - 1, list(range(1 + len(proposal)))
            next_input = DecoderInput([token, *proposal], n_past, kv_cache, cross_kv, rows)
            choices = self._take_output(attention, n_rows, (yield next_input))
        if (
            token != self.token_filter.end_token
            and not text.looped
            and self._attends_unfinished(text.attention, request)
        ):
            text.held_back = token
        return text

    def _start_text(self, request: DecodeRequest, output: DecoderOutput) -> tuple[DecodedText, list[tuple[int, float]]]:
        """Returns a text without tokens, and the tokens that may follow, from the output of the first pass.

        The text's attention has the rows of the whole draft.
        """
        first_logits = output.logits[0].clone()  # a copy, so that the other rows are freed
        attention = output.attention[:, len(request.prompt) - 1 :]  # (A, forced + draft + 1, T)
        scores = self._log_probabilities(output.logits[1:], request)  # (draft + 1, V)
        draft = request.draft if request.scores_draft else []
        draft_logprobs = scores[range(len(draft)), draft].tolist()
        return DecodedText([], [], 0, first_logits, attention, draft_logprobs=draft_logprobs), _best_tokens(scores)

    def _take_output(self, attention: AttentionRows, n_rows: int, output: DecoderOutput) -> list[tuple[int, float]]:
        """Adds the attention of the tokens that were read after the first ``n_rows``, and returns what may follow."""
        attention.write(n_rows, output.attention)
        return _best_tokens(self._log_probabilities(output.logits))

    def _is_complete(self, text: DecodedText, token: int, request: DecodeRequest) -> bool:
        """Returns whether the text ends before ``token``: at its end, at its limit, or where audio is still to come."""
        return (
            token == self.token_filter.end_token
            or len(text.tokens) >= request.max_new_tokens
            or self._attends_unfinished(text.attention, request)
        )

    def _attends_unfinished(self, attention: torch.Tensor, request: DecodeRequest) -> bool:
        """Returns whether the next token attends to unfinished audio; the silence after the audio does not count.

        Uses plain attention. Attention normalized over tokens, as for word times, would stop one update in 40 half a
        second early or more: where no token has attended yet, the least attention counts most.

        Args:
            attention: Shape (A, n, T); the last row belongs to the next token.
            request: Says which positions are unfinished.
        """
        end = request.audio_positions - request.unfinished_positions
        return (
            request.unfinished_positions > 0
            and attention_share_after(attention[:, -1], end, request.audio_positions) > MAX_UNFINISHED_ATTENTION
        )

    def _log_probabilities(self, logits: torch.Tensor, first_pass: DecodeRequest | None = None) -> torch.Tensor:
        """Returns log-probabilities of the allowed tokens, shape (n, V). Overwrites the logits.

        Args:
            logits: Shape (n, V).
            first_pass: The request, if row 0 predicts the first token after its forced ones.
        """
        allowed = logits.add_(self._bias)
        if first_pass and not first_pass.forced:
            allowed[0] += self._start_bias
        if first_pass and first_pass.must_continue:
            allowed[0, self.token_filter.end_token] = -torch.inf
        return allowed.log_softmax(dim=-1)

    def _remove_loop(self, text: DecodedText, request: DecodeRequest) -> bool:
        """Removes a repetition from the end of the text, and returns whether there was one."""
        extra = repeated_suffix_length([*request.forced, *text.tokens], text.attention)
        if not extra:
            return False
        keep = max(len(text.tokens) - extra, 0)
        text.attention = text.attention[:, : len(request.forced) + keep + 1]
        del text.tokens[keep:], text.logprobs[keep:]
        text.n_accepted = min(text.n_accepted, keep)
        text.looped = True
        return True


def mean_logprob(logprobs: Sequence[float]) -> float:
    """Returns the mean log-probability of a text; 0.0 if it is empty."""
    return float(np.mean(logprobs)) if logprobs else 0.0


def _best_tokens(scores: torch.Tensor) -> list[tuple[int, float]]:
    """Returns the best token of each row, (n, V), and its score; torch's argmax takes ten times as long as numpy's."""
    tokens = [int(token) for token in scores.cpu().numpy().argmax(axis=1)]
    return list(zip(tokens, scores[range(len(tokens)), tokens].tolist(), strict=True))
