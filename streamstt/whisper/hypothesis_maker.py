"""Makes a hypothesis of a decoded text: its words, with the time and the probability of each."""

import numpy as np

from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from streamstt.whisper.decoding.alignment import attention_weights, token_starts
from streamstt.whisper.decoding.known_words import KnownWords
from streamstt.whisper.decoding.speculative import DecodedText, mean_logprob
from streamstt.whisper.decoding.token_text import TokenText
from streamstt.whisper.decoding.words import split_words
from streamstt.whisper.network.layers import MAX_POSITIONS
from streamstt.whisper.window_encoder import POSITION_SAMPLES

ALIGNMENT_SLACK = 10  # positions by which word times may be wrong: the next word may begin earlier than a word's end


class HypothesisMaker:
    """Turns tokens, their probabilities and their attention into words."""

    def __init__(self, token_text: TokenText, known_words: KnownWords, no_speech_token: int) -> None:
        """Knows the model's tokens.

        Args:
            token_text: Maps tokens to text.
            known_words: Maps known words to tokens.
            no_speech_token: The first token after the start token if there is no speech.
        """
        self._token_text = token_text
        self._known_words = known_words
        self._no_speech_token = no_speech_token

    def __call__(self, job: Job, text: DecodedText, language: str) -> Hypothesis:
        """Returns the hypothesis for a job.

        Args:
            job: The job.
            text: What was decoded after its committed words.
            language: Code of the language that was decoded.
        """
        return Hypothesis(
            job,
            self._align_words(job, text, language),
            language,
            no_speech=float(text.first_logits.softmax(-1)[self._no_speech_token]),
            logprob=mean_logprob(text.logprobs),
            looped=text.looped,
            draft_probabilities=self._draft_probabilities(job, text),
        )

    def _align_words(self, job: Job, text: DecodedText, language: str) -> tuple[RecognizedWord, ...]:
        if not text.tokens:
            return ()
        n_positions = audio_positions(job)
        weights = attention_weights(text.attention)[-len(text.tokens) - 1 :]  # (n + 1, T): the last row is what follows
        first = (job.committed[-1].end - job.start) // POSITION_SAMPLES - ALIGNMENT_SLACK if job.committed else 0
        first = max(0, min(first, n_positions - len(weights)))
        starts = token_starts(weights[:, first : max(n_positions, first + 1)]) + first  # (n + 1,)
        times = [min(job.start + int(start) * POSITION_SAMPLES, job.end) for start in starts]
        words: list[RecognizedWord] = []
        first_token = 0
        for word, tokens in split_words(text.tokens, self._token_text, language):
            after = first_token + len(tokens)
            probability = float(np.exp(np.mean(text.logprobs[first_token:after])))
            tokenizer = self._known_words.tokenizer
            words.append(RecognizedWord(word, times[first_token], times[after], probability, tokens, tokenizer))
            first_token = after
        return tuple(words)

    def _draft_probabilities(self, job: Job, text: DecodedText) -> tuple[float, ...]:
        """Returns the mean probability of each word of the draft, as far as they were asked for."""
        probabilities: list[float] = []
        first = 0
        for word in job.draft if text.draft_logprobs else ():
            after = first + len(self._known_words.tokens([word]))
            if not first < after <= len(text.draft_logprobs):
                break
            probabilities.append(float(np.exp(np.mean(text.draft_logprobs[first:after]))))
            first = after
        return tuple(probabilities)


def audio_positions(job: Job) -> int:
    """Returns how many positions of the window hold audio."""
    return min(-(-len(job.audio) // POSITION_SAMPLES), MAX_POSITIONS)
