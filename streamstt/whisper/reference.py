"""The reference engine: pads every update to 30 s and decodes it with transformers' own ``generate``.

Slow, but as accurate as the model: the oracle of the streaming engine, with which it shares no forward pass.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import GenerationMixin, WhisperForConditionalGeneration, WhisperProcessor
from transformers import logging as transformers_logging
from transformers.modeling_outputs import BaseModelOutput

from streamstt.audio.format import SAMPLE_RATE, samples_from_ms
from streamstt.config.settings import EngineSettings
from streamstt.engine.base import EngineInfo, Hypothesis, Job, RecognizedWord
from streamstt.errors import EngineError, ModelError
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.decoding.alignment import FRAME_S, attention_weights, token_starts
from streamstt.whisper.decoding.generation_config import detect_language
from streamstt.whisper.decoding.prompt import prompt_tokens
from streamstt.whisper.decoding.token_rate import max_tokens
from streamstt.whisper.decoding.words import split_words
from streamstt.whisper.runtime import find_device

MAX_TEXT_TOKENS = 440  # of the decoder's 448 positions; the rest are for the prompt
FRAME_SAMPLES = samples_from_ms(FRAME_S * 1000)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _GeneratedText:
    """What ``generate`` returned after the prompt and the committed words.

    Attributes:
        tokens: Text tokens, without the end token.
        probabilities: Probability of each token, shape (n,).
        starts: Frame at which each token begins, and at which the last one ends, shape (n + 1,).
    """

    tokens: list[int]
    probabilities: list[float]
    starts: list[int]


class ReferenceEngine:
    """Implements ``Engine`` with ``transformers.WhisperForConditionalGeneration``.

    Attributes:
        info: Model, device, number format and languages.
    """

    def __init__(self, checkpoint: Checkpoint, settings: EngineSettings) -> None:
        """Loads the model.

        Args:
            checkpoint: A folder in Hugging Face layout.
            settings: Device, threads, task, vocabulary. The number formats are ignored: float32, or float16 on CUDA.

        Raises:
            ModelError: The folder does not hold a Whisper model, or the model cannot do the task.
            ConfigError: The vocabulary is too long for the model.
            EngineError: The device is not available.
        """
        device = find_device(settings.device)
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        torch.set_num_threads(settings.threads or torch.get_num_threads())
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call] # it loads in a second
        try:
            self._processor = WhisperProcessor.from_pretrained(checkpoint.folder)
            loaded: Any = WhisperForConditionalGeneration.from_pretrained(
                checkpoint.folder, dtype=dtype, attn_implementation="eager", output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"{checkpoint.folder} does not hold a Whisper model that can be loaded: {error}"
            ) from error
        model, report = loaded
        missing = sorted({*report["missing_keys"], *map(str, report["mismatched_keys"])} - {"proj_out.weight"})
        if missing:  # transformers would initialize them randomly
            examples = ", ".join(missing[:3])
            raise ModelError(f"{checkpoint.folder} lacks {len(missing)} of the model's tensors, such as {examples}")
        self._model: Any = model.to(device).eval()
        self._device, self._dtype = device, dtype
        self._config: Any = self._model.generation_config
        self._task = settings.task
        self.set_vocabulary(settings.vocabulary)
        languages = tuple(sorted(self._language_tokens)) or ("en",)
        self.info = EngineInfo(checkpoint.name, str(device), str(dtype).removeprefix("torch."), languages)
        if settings.task == "translate" and not self._language_tokens:
            raise ModelError(f"{checkpoint.name} knows only English and cannot translate; use base or small")
        if not getattr(self._config, "alignment_heads", None):
            layers, heads = self._model.config.decoder_layers, self._model.config.decoder_attention_heads
            # Whisper's default for a model without measured heads: all in the upper half of the layers.
            self._config.alignment_heads = [[i, h] for i in range(layers // 2, layers) for h in range(heads)]

    @property
    def _language_tokens(self) -> dict[str, int]:
        """Token of each language code; empty in an English-only model."""
        return {code.strip("<|>"): token for code, token in (getattr(self._config, "lang_to_id", None) or {}).items()}

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Sets the names and terms to expect from the next job on.

        Raises:
            ConfigError: They are too long for the model.
        """
        self._vocabulary_prompt = prompt_tokens(
            terms,
            lambda text: list(self._processor.tokenizer.encode(text, add_special_tokens=False)),
            previous_text_token=self._config.no_timestamps_token_id - 2,
            max_tokens=self._model.config.max_target_positions,
        )

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job, ignoring its draft.

        Raises:
            EngineError: torch failed, for instance because memory ran out.
        """
        try:
            with torch.inference_mode():
                return self._decode(job)
        except (RuntimeError, ValueError, IndexError) as error:
            raise EngineError(f"cannot decode {job}: {error}") from error

    def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
        """Decodes the job in one step."""
        yield self.decode(job)

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes jobs one after the other."""
        return map(self.decode, jobs)

    def _decode(self, job: Job) -> Hypothesis:
        encoded = self._encode(job.audio)
        language, no_speech = self._detect_language(encoded, job)
        text = self._generate(encoded, self._prompt(language), job, language)
        decode = self._processor.tokenizer.decode
        words: list[RecognizedWord] = []
        first = 0
        for word, tokens in split_words(text.tokens, lambda ids: str(decode(ids)), language):
            after = first + len(tokens)
            start, end = (job.start + text.starts[i] * FRAME_SAMPLES for i in (first, after))
            probability = float(np.mean(text.probabilities[first:after]))
            words.append(RecognizedWord(word, min(start, job.end), min(end, job.end), probability, tokens))
            first = after
        logprob = float(np.mean(np.log(np.maximum(text.probabilities, 1e-9)))) if text.tokens else 0.0
        return Hypothesis(job, tuple(words), language, no_speech, logprob)

    def _encode(self, audio: np.ndarray[Any, np.dtype[np.float32]]) -> BaseModelOutput:
        features = self._processor.feature_extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        mel = features.input_features.to(self._device, self._dtype)  # (1, n_mels, 3000)
        return BaseModelOutput(last_hidden_state=self._model.get_encoder()(mel).last_hidden_state)  # (1, 1500, d_model)

    def _detect_language(self, encoded: BaseModelOutput, job: Job) -> tuple[str, float]:
        """Returns the job's language, or the detected one, and the probability that there is no speech."""
        start = torch.tensor([[self._config.decoder_start_token_id]], device=self._device)
        logits = self._model(encoder_outputs=encoded, decoder_input_ids=start).logits[0, -1].float()  # (n_vocab,)
        no_speech = float(logits.softmax(-1)[self._config.no_timestamps_token_id - 1])
        if job.language or not self._language_tokens:
            return job.language or "en", no_speech
        return detect_language(logits, self._language_tokens, job.expected_language), no_speech

    def _prompt(self, language: str) -> list[int]:
        tokens = [*self._vocabulary_prompt, self._config.decoder_start_token_id]
        if self._language_tokens:
            tokens += [self._language_tokens[language], self._config.task_to_id[self._task]]
        return [*tokens, self._config.no_timestamps_token_id]

    def _generate(self, encoded: BaseModelOutput, prompt: list[int], job: Job, language: str) -> _GeneratedText:
        """Decodes greedily after the prompt and the committed words."""
        forced = [token for word in job.committed for token in word.tokens]
        capacity = MAX_TEXT_TOKENS - len(self._vocabulary_prompt) - len(forced)
        limit = min(capacity, max_tokens(language, self._task, len(job.audio) / SAMPLE_RATE))
        # WhisperForConditionalGeneration.generate no longer accepts a decoder prefix; its base class does.
        out: Any = GenerationMixin.generate(
            self._model,
            encoder_outputs=encoded,
            decoder_input_ids=torch.tensor([prompt + forced], device=self._device),
            generation_config=None,
            max_length=len(prompt) + len(forced) + max(limit, 1),
            do_sample=False,
            begin_suppress_tokens=self._suppressed_at_start(job),
            return_dict_in_generate=True,
            output_scores=True,
            output_attentions=True,
        )
        tokens = out.sequences[0, len(prompt) + len(forced) :].tolist()
        probabilities = [
            float(scores[0].float().softmax(-1)[token]) for scores, token in zip(out.scores, tokens, strict=True)
        ]
        text = tokens[:-1] if tokens and tokens[-1] == self._config.eos_token_id else tokens
        starts = self._token_starts(out.cross_attentions, len(prompt) - 1, len(job.audio))
        return _GeneratedText(text, probabilities[: len(text)], starts[len(forced) :])

    def _suppressed_at_start(self, job: Job) -> list[int] | None:
        """Returns the tokens that must not come first after the committed words; None if there are none."""
        suppressed = [] if job.committed else list(self._config.begin_suppress_tokens or ())
        return [*suppressed, self._config.eos_token_id] if job.must_continue else suppressed or None

    def _token_starts(self, attentions: Any, first_row: int, n_samples: int) -> list[int]:
        """Returns the frame at which each token after the prompt begins, and at which the last one ends.

        Args:
            attentions: Cross-attention of each decoding step and layer, as ``generate`` returns it.
            first_row: First row that counts; row r belongs to the step that predicts token r + 1.
            n_samples: Length of the audio.
        """
        rows = []
        for layer, head in self._config.alignment_heads:
            rows.append(torch.cat([step[layer][0, head] for step in attentions], dim=0))  # (n_tokens, 1500)
        frames = max(1, -(-n_samples // FRAME_SAMPLES))
        heads = torch.stack(rows)[:, first_row:, :frames]  # (n_heads, n_tokens, n_frames)
        starts = token_starts(attention_weights(heads)).tolist()
        return [*starts, frames]
