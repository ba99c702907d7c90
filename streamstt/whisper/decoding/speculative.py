"""Speculate and verify: greedy decoding that reads its old text in one pass and only writes what is new.

The text is what greedy decoding token by token gives: a draft saves time and changes nothing (in 8 bits, up to the
rounding of a pass of many tokens, which is not that of one). Speculative decoding is
Leviathan et al. 2023; the draft here is what the same model said of a little less audio.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from streamstt.whisper.decoding.alignment import attention_share_after
from streamstt.whisper.decoding.repetition import repeated_suffix_length
from streamstt.whisper.network.decoder import CrossKV, Decoder, DecoderInput, DecoderOutput

MAX_UNFINISHED_ATTENTION = 0.35  # share of a token's attention on audio that is not over yet, from which it is not said


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens may be said.

    Attributes:
        end_token: The token that ends the text; all from here on are not text.
        suppressed: Text tokens that are never said (sounds in brackets and the like).
        suppressed_at_start: Tokens that no text begins with.
        vocabulary_size: How many tokens there are.
    """

    end_token: int
    suppressed: tuple[int, ...]
    suppressed_at_start: tuple[int, ...]
    vocabulary_size: int

    def logit_bias(self, device: torch.device, *, at_start: bool) -> torch.Tensor:
        """What to add to the logits, shape (vocabulary,): minus infinity for what may not be said."""
        bias = torch.zeros(self.vocabulary_size)
        bias[self.end_token + 1 :] = -torch.inf
        bias[list(self.suppressed)] = -torch.inf
        if at_start:
            bias[list(self.suppressed_at_start)] = -torch.inf
        return bias.to(device)


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What to decode.

    Attributes:
        prompt: What comes before the text: start, language, task; maybe a vocabulary before them.
        start_index: Index of the start token in ``prompt``.
        forced: Text that is committed.
        draft: Text that probably follows.
        max_new_tokens: How many tokens may follow ``forced``.
        audio_positions: Positions of the window with audio in them; behind them is silence.
        unfinished_positions: How many of these are not over yet: a token that looks there is not said.
        must_continue: The text does not end with the forced tokens.
    """

    prompt: list[int]
    start_index: int
    forced: list[int]
    draft: list[int]
    max_new_tokens: int
    audio_positions: int
    unfinished_positions: int
    must_continue: bool = False


@dataclass(slots=True)
class DecodedText:
    """What was said after the forced tokens.

    Attributes:
        tokens: Without the end token.
        logprobs: Log-probability of each token.
        n_accepted: How many come from the draft.
        first_logits: Logits after the start token, shape (V,): language, and whether anybody speaks.
        attention: Shape (A, forced + tokens + 1, T): where each token, and the one that was not said, is heard.
        looped: Whether a repetition was cut off.
    """

    tokens: list[int]
    logprobs: list[float]
    n_accepted: int
    first_logits: torch.Tensor
    attention: torch.Tensor
    looped: bool = False


@dataclass(slots=True)
class DecodeState:
    """A text in the making.

    Attributes:
        request: What to decode.
        result: What was said so far.
        next_input: What the decoder must read next; None when all is said.
    """

    request: DecodeRequest
    result: DecodedText | None
    next_input: DecoderInput | None


@dataclass(slots=True)
class SpeculativeDecoder:
    """Decodes greedily.

    Attributes:
        decoder: The model.
        token_filter: What may be said.
        device: Where it runs.
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
        """Verifies the draft in one pass, then says what follows, token by token."""
        telling = self.start(request, cross_kv)
        while telling.next_input:
            self.step(telling, self.decoder.forward_batch([telling.next_input])[0])
        assert telling.result is not None, "the first pass begins it"
        return telling.result

    def start(self, request: DecodeRequest, cross_kv: CrossKV, kv_cache: torch.Tensor | None = None) -> DecodeState:
        """Begins a text: whoever holds it has its ``part`` read, and hands the answer to ``step``, until there is none.

        Args:
            request: What to decode.
            cross_kv: What is heard.
            kv_cache: From ``Decoder.cache``; texts that are told side by side need one each.
        """
        given = [*request.prompt, *request.forced, *request.draft]
        known = len(given) - len(request.draft)  # tokens before the first that may be chosen
        rows = [request.start_index, *range(known - 1, len(given))]
        return DecodeState(
            request,
            None,
            DecoderInput(given, 0, self.decoder.default_cache if kv_cache is None else kv_cache, cross_kv, rows),
        )

    def step(self, state: DecodeState, output: DecoderOutput) -> None:
        """Takes what the decoder makes of ``telling.part``, and says what it must read next."""
        text, part = state.result, state.next_input
        assert part is not None, "all is said"
        if text is None:
            state.result, choice, logprob = self._verify_draft(state.request, output)
        else:
            text.attention = torch.cat([text.attention, output.attention], dim=1)
            score = self._log_probabilities(output.logits)[0]  # (V,)
            choice = int(score.cpu().numpy().argmax())  # torch takes as long for this as for the logarithms
            logprob = float(score[choice])
        state.next_input = self._append_token(state, part, choice, logprob)

    def _verify_draft(self, request: DecodeRequest, output: DecoderOutput) -> tuple[DecodedText, int, float]:
        """What of the draft is right, the token that follows, and its log-probability."""
        scores = self._log_probabilities(output.logits[1:], request)  # (draft + 1, V)
        choices = scores.argmax(dim=1).tolist()
        attention = output.attention[:, len(request.prompt) - 1 :]  # (A, forced + draft + 1, T)
        confirmed, said = 0, len(request.forced) + 1
        while confirmed < len(request.draft) and choices[confirmed] == request.draft[confirmed]:
            if self._attends_unfinished(attention[:, : said + confirmed], request):
                break
            confirmed += 1
        text = DecodedText(
            tokens=request.draft[:confirmed],
            logprobs=scores[range(confirmed), request.draft[:confirmed]].tolist(),
            n_accepted=confirmed,
            first_logits=output.logits[0].clone(),  # a copy: the other rows are not kept for its sake
            attention=attention[:, : said + confirmed],
        )
        return text, choices[confirmed], float(scores[confirmed, choices[confirmed]])

    def _append_token(
        self, state: DecodeState, last_input: DecoderInput, token: int, logprob: float
    ) -> DecoderInput | None:
        """Says the token that was chosen, if anything is to be said."""
        task, text = state.request, state.result
        assert text is not None, "the first pass begins it"
        if (
            token == self.token_filter.end_token
            or len(text.tokens) >= task.max_new_tokens
            or self._attends_unfinished(text.attention, task)
        ):
            return None
        text.tokens.append(token)
        text.logprobs.append(logprob)
        if self._remove_loop(text, task):
            return None
        past = len(task.prompt) + len(task.forced) + len(text.tokens) - 1
        return DecoderInput([token], past, last_input.kv_cache, last_input.cross_kv, [0])

    def _attends_unfinished(self, attention: torch.Tensor, request: DecodeRequest) -> bool:
        """Whether the next token is heard where audio is still to come; silence behind it is not looked at.

        By plain attention: normalised over tokens, as word timing has it, it stops a fortieth of all updates half a
        second early or more, for where no token looked yet the smallest glance counts most.
        """
        end = request.audio_positions - request.unfinished_positions
        return (
            request.unfinished_positions > 0
            and attention_share_after(attention[:, -1], end, request.audio_positions) > MAX_UNFINISHED_ATTENTION
        )

    def _log_probabilities(self, logits: torch.Tensor, first_pass: DecodeRequest | None = None) -> torch.Tensor:
        """Log-probabilities of what may be said; ``first_pass``: row 0 begins its text. Uses up the logits."""
        allowed = logits.add_(self._bias)
        if first_pass and not first_pass.forced:
            allowed[0] += self._start_bias
        if first_pass and first_pass.must_continue:
            allowed[0, self.token_filter.end_token] = -torch.inf
        return allowed.log_softmax(dim=-1)

    def _remove_loop(self, result: DecodedText, request: DecodeRequest) -> bool:
        """Takes back what the model repeats without hearing it again."""
        extra = repeated_suffix_length([*request.forced, *result.tokens], result.attention)
        if not extra:
            return False
        keep = max(len(result.tokens) - extra, 0)
        result.attention = result.attention[:, : len(request.forced) + keep + 1]
        del result.tokens[keep:], result.logprobs[keep:]
        result.n_accepted = min(result.n_accepted, keep)
        result.looped = True
        return True


def mean_logprob(logprobs: Sequence[float]) -> float:
    """Mean log-probability of a text; 0.0 of none."""
    return float(np.mean(logprobs)) if logprobs else 0.0
