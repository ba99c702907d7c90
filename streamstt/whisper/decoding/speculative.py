"""Speculate and verify: greedy decoding that reads its old text in one pass and only writes what is new.

The text is what greedy decoding token by token gives: a draft saves time and changes nothing (in 8 bits, up to the
rounding of a pass of many tokens, which is not that of one). Speculative decoding is
Leviathan et al. 2023; the draft here is what the same model said of a little less audio.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from streamstt.whisper.decoding.alignment import share_behind
from streamstt.whisper.decoding.repetition import loop_length
from streamstt.whisper.network.decoder import Decoder, Memory, Part, Pass

CUT_OFF = 0.35  # share of a token's attention on audio that is not over yet, from which it is not said


@dataclass(frozen=True, slots=True)
class Rules:
    """Which tokens may be said.

    Attributes:
        end: The token that ends the text; all from here on are not text.
        suppressed: Text tokens that are never said (sounds in brackets and the like).
        suppressed_first: Tokens that no text begins with.
        vocabulary: How many tokens there are.
    """

    end: int
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]
    vocabulary: int

    def bias(self, device: torch.device, *, first: bool) -> torch.Tensor:
        """What to add to the logits, shape (vocabulary,): minus infinity for what may not be said."""
        bias = torch.zeros(self.vocabulary)
        bias[self.end + 1 :] = -torch.inf
        bias[list(self.suppressed)] = -torch.inf
        if first:
            bias[list(self.suppressed_first)] = -torch.inf
        return bias.to(device)


@dataclass(frozen=True, slots=True)
class Task:
    """What to decode.

    Attributes:
        prompt: What comes before the text: start, language, task; maybe a vocabulary before them.
        start: Index of the start token in ``prompt``.
        forced: Text that is committed.
        draft: Text that probably follows.
        limit: How many tokens may follow ``forced``.
        heard: Positions of the window with audio in them; behind them is silence.
        unfinished: How many of these are not over yet: a token that looks there is not said.
        goes_on: The text does not end with the forced tokens.
    """

    prompt: list[int]
    start: int
    forced: list[int]
    draft: list[int]
    limit: int
    heard: int
    unfinished: int
    goes_on: bool = False


@dataclass(slots=True)
class Text:
    """What was said after the forced tokens.

    Attributes:
        tokens: Without the end token.
        logprobs: Log-probability of each token.
        confirmed: How many come from the draft.
        first: Logits after the start token, shape (V,): language, and whether anybody speaks.
        attention: Shape (A, forced + tokens + 1, T): where each token, and the one that was not said, is heard.
        looped: Whether a repetition was cut off.
    """

    tokens: list[int]
    logprobs: list[float]
    confirmed: int
    first: torch.Tensor
    attention: torch.Tensor
    looped: bool = False


@dataclass(slots=True)
class Telling:
    """A text in the making.

    Attributes:
        task: What to decode.
        text: What was said so far.
        part: What the decoder must read next; None when all is said.
    """

    task: Task
    text: Text | None
    part: Part | None


@dataclass(slots=True)
class Greedy:
    """Decodes greedily.

    Attributes:
        decoder: The model.
        rules: What may be said.
        device: Where it runs.
    """

    decoder: Decoder
    rules: Rules
    device: torch.device
    _bias: torch.Tensor = field(init=False)
    _first_bias: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._bias = self.rules.bias(self.device, first=False)
        self._first_bias = self.rules.bias(self.device, first=True)

    def __call__(self, task: Task, memory: Memory) -> Text:
        """Verifies the draft in one pass, then says what follows, token by token."""
        telling = self.begin(task, memory)
        while telling.part:
            self.take(telling, self.decoder.together([telling.part])[0])
        assert telling.text is not None, "the first pass begins it"
        return telling.text

    def begin(self, task: Task, memory: Memory, cache: torch.Tensor | None = None) -> Telling:
        """Begins a text: whoever holds it has its ``part`` read, and hands the answer to ``take``, until there is none.

        Args:
            task: What to decode.
            memory: What is heard.
            cache: From ``Decoder.cache``; texts that are told side by side need one each.
        """
        given = [*task.prompt, *task.forced, *task.draft]
        known = len(given) - len(task.draft)  # tokens before the first that may be chosen
        rows = [task.start, *range(known - 1, len(given))]
        return Telling(task, None, Part(given, 0, self.decoder.own if cache is None else cache, memory, rows))

    def take(self, telling: Telling, read: Pass) -> None:
        """Takes what the decoder makes of ``telling.part``, and says what it must read next."""
        text, part = telling.text, telling.part
        assert part is not None, "all is said"
        if text is None:
            telling.text, choice, logprob = self._verify(telling.task, read)
        else:
            text.attention = torch.cat([text.attention, read.attention], dim=1)
            score = self._scores(read.logits)[0]  # (V,)
            choice = int(score.cpu().numpy().argmax())  # torch takes as long for this as for the logarithms
            logprob = float(score[choice])
        telling.part = self._next(telling, part, choice, logprob)

    def _verify(self, task: Task, read: Pass) -> tuple[Text, int, float]:
        """What of the draft is right, the token that follows, and its log-probability."""
        scores = self._scores(read.logits[1:], task)  # (draft + 1, V)
        choices = scores.argmax(dim=1).tolist()
        attention = read.attention[:, len(task.prompt) - 1 :]  # (A, forced + draft + 1, T)
        confirmed, said = 0, len(task.forced) + 1
        while confirmed < len(task.draft) and choices[confirmed] == task.draft[confirmed]:
            if self._is_past(attention[:, : said + confirmed], task):
                break
            confirmed += 1
        text = Text(
            tokens=task.draft[:confirmed],
            logprobs=scores[range(confirmed), task.draft[:confirmed]].tolist(),
            confirmed=confirmed,
            first=read.logits[0].clone(),  # a copy: the other rows are not kept for its sake
            attention=attention[:, : said + confirmed],
        )
        return text, choices[confirmed], float(scores[confirmed, choices[confirmed]])

    def _next(self, telling: Telling, part: Part, choice: int, logprob: float) -> Part | None:
        """Says the token that was chosen, if anything is to be said."""
        task, text = telling.task, telling.text
        assert text is not None, "the first pass begins it"
        if choice == self.rules.end or len(text.tokens) >= task.limit or self._is_past(text.attention, task):
            return None
        text.tokens.append(choice)
        text.logprobs.append(logprob)
        if self._cut_loop(text, task):
            return None
        past = len(task.prompt) + len(task.forced) + len(text.tokens) - 1
        return Part([choice], past, part.cache, part.memory, [0])

    def _is_past(self, attention: torch.Tensor, task: Task) -> bool:
        """Whether the next token is heard where audio is still to come; silence behind it is not looked at.

        By plain attention: normalised over tokens, as word timing has it, it stops a fortieth of all updates half a
        second early or more, for where no token looked yet the smallest glance counts most.
        """
        end = task.heard - task.unfinished
        return task.unfinished > 0 and share_behind(attention[:, -1], end, task.heard) > CUT_OFF

    def _scores(self, logits: torch.Tensor, begun: Task | None = None) -> torch.Tensor:
        """Log-probabilities of what may be said; ``begun``: row 0 begins its text. Uses up the logits."""
        allowed = logits.add_(self._bias)
        if begun and not begun.forced:
            allowed[0] += self._first_bias
        if begun and begun.goes_on:
            allowed[0, self.rules.end] = -torch.inf
        return allowed.log_softmax(dim=-1)

    def _cut_loop(self, text: Text, task: Task) -> bool:
        """Takes back what the model repeats without hearing it again."""
        extra = loop_length([*task.forced, *text.tokens], text.attention)
        if not extra:
            return False
        keep = max(len(text.tokens) - extra, 0)
        text.attention = text.attention[:, : len(task.forced) + keep + 1]
        del text.tokens[keep:], text.logprobs[keep:]
        text.confirmed = min(text.confirmed, keep)
        text.looped = True
        return True


def mean_logprob(logprobs: Sequence[float]) -> float:
    """Mean log-probability of a text; 0.0 of none."""
    return float(np.mean(logprobs)) if logprobs else 0.0
