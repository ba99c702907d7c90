"""The streaming engine: decodes updates of an utterance with a Whisper of our own, each from the last one's draft.

Encodes only the audio of the job and half a second of silence, gives the decoder silence up to 30 s after it, and
verifies the draft in one pass. Does not decide which words are committed (``speech/local_agreement.py`` does).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event

import numpy as np
import torch
from transformers import WhisperTokenizerFast  # type: ignore[attr-defined]  # resolved lazily

from streamstt.audio.format import SAMPLE_RATE, Samples, samples_from_ms
from streamstt.audio.sources import AudioFile
from streamstt.config.settings import EngineSettings
from streamstt.engine.base import EngineInfo, Hypothesis, Job, RecognizedWord
from streamstt.errors import EngineError, ModelError
from streamstt.samples import welcome
from streamstt.whisper import runtime
from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.alignment import FRAME_S, attention_weights, token_starts
from streamstt.whisper.decoding.generation_config import detect_language, language_probability, read_generation_config
from streamstt.whisper.decoding.prompt import prompt_tokens
from streamstt.whisper.decoding.speculative import (
    DecodedText,
    DecodeRequest,
    DecodeState,
    SpeculativeDecoder,
    mean_logprob,
)
from streamstt.whisper.decoding.text_memory import TextMemories, TextMemory
from streamstt.whisper.decoding.token_rate import max_tokens
from streamstt.whisper.decoding.words import split_words
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network import precision
from streamstt.whisper.network.decoder import CrossKV, CrossKVProjection, Decoder
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import MAX_POSITIONS, ModelDimensions
from streamstt.whisper.runtime import find_device
from streamstt.whisper.silent_context import SilentContexts

POSITION_SAMPLES = samples_from_ms(FRAME_S * 1000)  # samples per encoder position
LEAD_IN_POSITIONS = 50  # positions: less than any window
LEAD_IN_MS = (500, 1500)  # ms: the second of the bundled recording that precedes silence when that is encoded
MIN_PADDING = 18  # positions of silence after the audio (0.36 s; 0.6 s on average); a second is no better
WINDOW_STEP = 25  # positions: windows are multiples of it, so that freed blocks of the heap fit again and it grows less
UNFINISHED_POSITIONS = 15  # positions (0.3 s) at the end of audio that continues: they may hold half a word
ALIGNMENT_SLACK = 10  # positions by which word times may be wrong: the next word may begin earlier than a word's end
MAX_BATCH = 16  # jobs decoded side by side: more save little
MAX_BATCH_BYTES = 160 << 20  # memory of these jobs above which no other is started
MIN_LANGUAGE_PROBABILITY = 0.5  # of the detected language, from which the next job of a batch expects it


class StreamingEngine:
    """Implements ``Engine`` with this package's own forward pass.

    Attributes:
        info: Model, device, number formats and languages.
    """

    def __init__(self, checkpoint: Checkpoint, settings: EngineSettings) -> None:
        """Loads the model.

        Args:
            checkpoint: A folder in Hugging Face layout.
            settings: Device, number formats, threads, task, vocabulary.

        Raises:
            ModelError: The folder does not hold a Whisper model, or the model cannot do the task.
            ConfigError: The vocabulary is too long for the model.
            EngineError: The device or the number format is not available.
        """
        self._device = find_device(settings.device)
        torch.set_num_threads(settings.threads or 1)
        folder = checkpoint.folder
        self._generation_config = read_generation_config(folder)
        self._task = settings.task
        if settings.task == "translate" and not self._generation_config.language_tokens:
            raise ModelError(f"{checkpoint.name} knows only English and cannot translate; use base or small")
        try:
            self._tokenizer = WhisperTokenizerFast.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise ModelError(f"the tokenizer in {folder} cannot be loaded: {error}") from error
        self.set_vocabulary(settings.vocabulary)
        with torch.inference_mode():
            formats = self._load(Weights(folder), settings)
        runtime.release_free_memory()  # held the weights as they are in the file
        languages = tuple(sorted(self._generation_config.language_tokens)) or ("en",)
        self.info = EngineInfo(checkpoint.name, str(self._device), str(formats), languages)

    def _load(self, weights: Weights, settings: EngineSettings) -> precision.PrecisionPlan:
        dims, device = self._generation_config.dims, self._device
        cache = default_cache_root() / "precision.json"
        formats = precision.choose(settings.encoder, settings.decoder, dims, device, cache)
        self._log_mel = LogMel(dims.n_mels, device)
        encoder = Encoder(weights, dims, formats, device)
        decoder = Decoder(weights, dims, formats.decoder, device, self._generation_config.alignment_heads)
        self._speculative_decoder = SpeculativeDecoder(decoder, self._generation_config.token_filter, device)
        self._memories = TextMemories(partial(decoder.make_cache, dims.max_tokens))
        project_kv = CrossKVProjection(weights, dims, formats.encoder, device)
        lead_in = self._log_mel(_lead_in(), 2 * LEAD_IN_POSITIONS)  # (n_mels, 2 * LEAD_IN_POSITIONS)
        self._silent_contexts = SilentContexts(dims, encoder, project_kv, lead_in)
        return formats

    @property
    def network(self) -> tuple[ModelDimensions, SilentContexts, Decoder]:
        """The model's dimensions, its encoder with silent contexts, and its decoder, so that each can be timed."""
        return self._generation_config.dims, self._silent_contexts, self._speculative_decoder.decoder

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Sets the names and terms to expect from the next job on.

        Raises:
            ConfigError: They are too long for the model.
        """
        config = self._generation_config
        self._vocabulary_prompt = prompt_tokens(
            terms,
            partial(self._tokenizer.encode, add_special_tokens=False),
            previous_text_token=config.previous_text_token,
            max_tokens=config.dims.max_tokens,
        )

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job.

        Raises:
            EngineError: torch failed, for instance because memory ran out.
        """
        try:
            with _engine_errors(str(job)):
                cross_kv = self._silent_contexts.encode_window(self._spectrogram(job))
                language = job.language or self._detect_language(cross_kv, job.expected_language)[0]
                memory = self._memories.recall(job.source, job.start, final=job.final)
                text = self._speculative_decoder(self._make_request(job, language), cross_kv, memory)
                return self._make_hypothesis(job, language, text)
        finally:
            # Not after each update: allocating its memory again takes a seventh of an update's time.
            if job.final:
                runtime.release_free_memory()

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes jobs side by side; when one is complete, the next is started.

        Raises:
            EngineError: torch failed, for instance because memory ran out.
        """
        waiting = iter(jobs)
        batch: list[_BatchItem] = []
        language: str | None = None  # of the last job in which it was detected with confidence
        while True:
            # Start jobs while there is room for them.
            while self._batch_has_room(batch) and (job := next(waiting, None)):
                with _engine_errors(str(job)):
                    batch.append(self._start_item(job, language))
                language = batch[-1].detected_language or language
            if not batch:
                return
            # One pass of the decoder for all of them.
            with _engine_errors(f"{len(batch)} jobs"):
                hypotheses = self._step_batch(batch)
            yield from hypotheses

    def _batch_has_room(self, batch: list["_BatchItem"]) -> bool:
        return len(batch) < MAX_BATCH and sum(item.nbytes for item in batch) < MAX_BATCH_BYTES

    def _start_item(self, job: Job, expected: str | None) -> "_BatchItem":
        cross_kv = self._silent_contexts.encode_window_alone(self._spectrogram(job))
        if job.language:
            language, is_sure = job.language, False
        else:
            language, is_sure = self._detect_language(cross_kv, expected or job.expected_language)
        request = self._make_request(job, language)
        n_tokens = len(request.prompt) + len(request.forced) + request.max_new_tokens
        kv_cache = self._speculative_decoder.decoder.make_cache(n_tokens)
        state = self._speculative_decoder.start(request, cross_kv, TextMemory(kv_cache))
        return _BatchItem(job, language, language if is_sure else None, cross_kv.nbytes + kv_cache.nbytes, state)

    def _step_batch(self, batch: list["_BatchItem"]) -> list[Hypothesis]:
        """Runs one pass; removes the items that it completes from ``batch``, and returns their hypotheses."""
        outputs = self._speculative_decoder.decoder.forward_batch([item.state.next_input for item in batch])
        for item, output in zip(batch, outputs, strict=True):
            self._speculative_decoder.step(item.state, output)
        done = [(item, item.state.result) for item in batch if item.state.result is not None]
        batch[:] = [item for item in batch if item.state.result is None]
        return [self._make_hypothesis(item.job, item.language, text) for item, text in done]

    def _make_hypothesis(self, job: Job, language: str, text: DecodedText) -> Hypothesis:
        no_speech = float(text.first_logits.softmax(-1)[self._generation_config.no_speech_token])
        words = self._align_words(job, text, language, _audio_positions(job))
        return Hypothesis(job, words, language, no_speech, mean_logprob(text.logprobs), text.looped)

    def _spectrogram(self, job: Job) -> torch.Tensor:
        """Returns the spectrogram of the job's audio and of some silence after it, shape (n_mels, 2 T)."""
        positions = _audio_positions(job) + MIN_PADDING
        positions = max(-(-positions // WINDOW_STEP) * WINDOW_STEP, LEAD_IN_POSITIONS + WINDOW_STEP)
        return self._log_mel(job.audio, 2 * min(positions, MAX_POSITIONS))

    def _make_request(self, job: Job, language: str) -> DecodeRequest:
        prompt = [*self._vocabulary_prompt, *self._generation_config.prompt(language, self._task)]
        forced = [token for word in job.committed for token in word.tokens]
        capacity = self._generation_config.dims.max_tokens - len(prompt) - len(forced) - 1
        audio_positions = _audio_positions(job)
        limit = max(0, min(capacity, max_tokens(language, self._task, len(job.audio) / SAMPLE_RATE)))
        return DecodeRequest(
            prompt=prompt,
            start_index=len(self._vocabulary_prompt),
            forced=forced,
            draft=[token for word in job.draft for token in word.tokens][:limit],
            max_new_tokens=limit,
            audio_positions=audio_positions,
            unfinished_positions=0 if job.final else min(UNFINISHED_POSITIONS, audio_positions),
            must_continue=job.must_continue,
        )

    def _detect_language(self, cross_kv: CrossKV, expected: str | None) -> tuple[str, bool]:
        """Returns the most likely language of the audio, and whether it is likely enough to be expected next."""
        languages = self._generation_config.language_tokens
        if not languages:
            return "en", True
        start = [self._generation_config.start_token]
        logits = self._speculative_decoder.decoder(start, 0, cross_kv, [0]).logits[0]  # (V,)
        language = detect_language(logits, languages, expected)
        return language, language_probability(logits, languages, language) > MIN_LANGUAGE_PROBABILITY

    def _align_words(
        self, job: Job, text: DecodedText, language: str, audio_positions: int
    ) -> tuple[RecognizedWord, ...]:
        """Splits the text into words, with the time and the probability of each."""
        if not text.tokens:
            return ()
        weights = attention_weights(text.attention)[-len(text.tokens) - 1 :]  # (n + 1, T): the last row is what follows
        first = (job.committed[-1].end - job.start) // POSITION_SAMPLES - ALIGNMENT_SLACK if job.committed else 0
        first = max(0, min(first, audio_positions - len(weights)))
        starts = token_starts(weights[:, first : max(audio_positions, first + 1)]) + first  # (n + 1,)
        times = [min(job.start + int(start) * POSITION_SAMPLES, job.end) for start in starts]
        words: list[RecognizedWord] = []
        first_token = 0
        for word, tokens in split_words(text.tokens, self._decode_tokens, language):
            after = first_token + len(tokens)
            probability = float(np.exp(np.mean(text.logprobs[first_token:after])))
            words.append(RecognizedWord(word, times[first_token], times[after], probability, tokens))
            first_token = after
        return tuple(words)

    def _decode_tokens(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens))


@dataclass(frozen=True, slots=True)
class _BatchItem:
    """A job that is decoded side by side with others.

    Attributes:
        job: The job.
        language: Code of the language in which it is decoded.
        detected_language: The same, if it was detected with confidence, else None.
        nbytes: Memory of its keys and values.
        state: Its decode.
    """

    job: Job
    language: str
    detected_language: str | None
    nbytes: int
    state: DecodeState


def _audio_positions(job: Job) -> int:
    """Returns how many positions of the window hold audio."""
    return min(-(-len(job.audio) // POSITION_SAMPLES), MAX_POSITIONS)


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    """Runs torch without gradients, and raises its errors as ``EngineError``.

    Args:
        what: What is decoded, for the message.
    """
    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        raise EngineError(f"cannot decode {what}: {error}") from error


def _lead_in() -> Samples:
    """Returns a second of speech from the bundled recording."""
    file = AudioFile(welcome(), fast=True)
    file.open()
    blocks: list[Samples] = []
    while block := file.read(Event()):
        blocks.append(block.samples)
        if block.end >= samples_from_ms(LEAD_IN_MS[1]):
            break
    file.close()
    return np.concatenate(blocks)[samples_from_ms(LEAD_IN_MS[0]) : samples_from_ms(LEAD_IN_MS[1])]
