"""The streaming engine: speculate, verify, commit.

Hears only the audio of the job and half a second of silence, shows the decoder 30 s of silence behind it, and reads the
draft of the last update in one pass. What is committed is the session's business (``speech/stabiliser.py``).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import numpy as np
import torch
from transformers import WhisperTokenizerFast  # type: ignore[attr-defined]  # it is made lazily

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
from streamstt.whisper.decoding.words import split_words
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network import precision
from streamstt.whisper.network.decoder import CrossKV, CrossKVProjection, Decoder
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import MAX_POSITIONS, ModelDimensions
from streamstt.whisper.runtime import find_device
from streamstt.whisper.silent_context import SilentContexts

POSITION_SAMPLES = samples_from_ms(FRAME_S * 1000)  # samples in one encoder position
LEAD_IN_POSITIONS = 50  # positions: less than any window
LEAD_IN_MS = (500, 1500)  # a second of speech that silence is heard after
MIN_PADDING = 18  # positions of silence behind the audio, at least: 0.36 s, on average 0.6 s; a second is no better
WINDOW_STEP = (
    25  # positions: windows are multiples of this, for then the heap has a hole of the right size, and grows less
)
UNFINISHED_POSITIONS = (
    15  # positions (0.3 s) before the end of audio that goes on: what is heard there may be half a word
)
ALIGNMENT_SLACK = 10  # positions: a word may be aligned a little after, or the next one before, where it is
MAX_BATCH = 16  # jobs decoded side by side: more of them save little
MAX_BATCH_BYTES = 160 << 20  # bytes that they may take before no other joins them
MIN_LANGUAGE_PROBABILITY = 0.5  # probability of a language among all
MAX_TOKENS_PER_S = 12  # nobody speaks faster; a decode that wants more is in a loop


class StreamingEngine:
    """Implements ``EngineSettings`` with a forward pass of our own."""

    def __init__(self, checkpoint: Checkpoint, settings: EngineSettings) -> None:
        """Loads the model.

        Args:
            checkpoint: A folder in Hugging Face layout.
            settings: Device, number formats, threads, task.

        Raises:
            ModelError: The folder does not hold a Whisper model, or lacks what the settings ask for.
            ConfigError: The vocabulary is too long for the model.
            EngineError: The device or the number format is not there.
        """
        self._device = find_device(settings.device)
        torch.set_num_threads(settings.threads or 1)
        folder = checkpoint.folder
        self._generation_config = read_generation_config(folder)
        self._task = settings.task
        if settings.task == "translate" and not self._generation_config.language_tokens:
            raise ModelError(f"{checkpoint.name} knows English only and cannot translate; take base, or small")
        try:
            self._tokenizer = WhisperTokenizerFast.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} has no tokenizer that loads: {error}") from error
        self.set_vocabulary(settings.vocabulary)
        with torch.inference_mode():
            formats = self._load(Weights(folder), settings)
        runtime.release_free_memory()  # of the weights as they were in the file
        known = tuple(sorted(self._generation_config.language_tokens)) or ("en",)
        self.info = EngineInfo(checkpoint.name, str(self._device), str(formats), known)

    def _load(self, weights: Weights, settings: EngineSettings) -> precision.PrecisionPlan:
        shape, device = self._generation_config.dims, self._device
        cache = default_cache_root() / "precision.json"
        formats = precision.choose(settings.encoder, settings.decoder, shape, device, cache)
        self._log_mel = LogMel(shape.n_mels, device)
        encoder = Encoder(weights, shape, formats, device)
        decoder = Decoder(weights, shape, formats.decoder, device, self._generation_config.alignment_heads)
        self._speculative_decoder = SpeculativeDecoder(decoder, self._generation_config.token_filter, device)
        cross = CrossKVProjection(weights, shape, formats.encoder, device)
        self._silent_contexts = SilentContexts(shape, encoder, cross, self._log_mel(_lead_in(), 2 * LEAD_IN_POSITIONS))
        return formats

    @property
    def network(self) -> tuple[ModelDimensions, SilentContexts, Decoder]:
        """The model's sizes, what hears and what speaks: to be timed part by part."""
        return self._generation_config.dims, self._silent_contexts, self._speculative_decoder.decoder

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Names and terms to expect from the next job on; ``ConfigError`` if they are too many."""
        shape, encode = self._generation_config.dims, partial(self._tokenizer.encode, add_special_tokens=False)
        self._vocabulary_prompt = prompt_tokens(
            terms, encode, previous_text_token=self._generation_config.previous_text_token, max_tokens=shape.max_tokens
        )

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job.

        Raises:
            EngineError: torch failed, for instance for want of memory.
        """
        try:
            with _engine_errors(str(job)):
                memory = self._silent_contexts.encode_window(self._spectrogram(job))
                language = job.language or self._detect_language(memory, job.expected_language)[0]
                return self._make_hypothesis(
                    job, language, self._speculative_decoder(self._make_request(job, language), memory)
                )
        finally:
            if job.final:
                runtime.release_free_memory()  # not after each update: to get all its memory anew takes a seventh of an update's time

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes jobs side by side; when one is done, the next takes its place. Drafts are of no use here.

        Raises:
            EngineError: torch failed, for instance for want of memory.
        """
        waiting = iter(jobs)
        tellings: list[_BatchItem] = []
        spoken: str | None = None  # in the job before, whose answer is not there yet
        while True:
            while self._batch_has_room(tellings) and (job := next(waiting, None)):
                with _engine_errors(str(job)):
                    tellings.append(self._start_item(job, spoken))
                spoken = tellings[-1].detected_language or spoken
            if not tellings:
                return
            with _engine_errors(f"{len(tellings)} jobs"):
                done = self._step_batch(tellings)
            yield from done

    def _batch_has_room(self, batch: list["_BatchItem"]) -> bool:
        return len(batch) < MAX_BATCH and sum(t.nbytes for t in batch) < MAX_BATCH_BYTES

    def _start_item(self, job: Job, expected: str | None) -> "_BatchItem":
        memory = self._silent_contexts.encode_window_alone(self._spectrogram(job))
        language, sure = (
            (job.language, False) if job.language else self._detect_language(memory, expected or job.expected_language)
        )
        task = replace(self._make_request(job, language), draft=[])
        cache = self._speculative_decoder.decoder.make_cache(len(task.prompt) + len(task.forced) + task.max_new_tokens)
        size = memory.nbytes + cache.nbytes
        return _BatchItem(
            job, language, language if sure else None, size, self._speculative_decoder.start(task, memory, cache)
        )

    def _step_batch(self, batch: list["_BatchItem"]) -> list[Hypothesis]:
        """One pass; takes out of ``tellings`` those that it completes, and gives their answers."""
        parts = [t.state.next_input for t in batch if t.state.next_input]
        for one, read in zip(batch, self._speculative_decoder.decoder.forward_batch(parts), strict=True):
            self._speculative_decoder.step(one.state, read)
        done = [t for t in batch if not t.state.next_input]
        batch[:] = [t for t in batch if t.state.next_input]
        return [self._make_hypothesis(t.job, t.language, t.state.result) for t in done if t.state.result]

    def _make_hypothesis(self, job: Job, language: str, result: DecodedText) -> Hypothesis:
        no_speech = float(result.first_logits.softmax(-1)[self._generation_config.no_speech_token])
        words = self._align_words(job, result, language, _audio_positions(job))
        return Hypothesis(job, words, language, no_speech, mean_logprob(result.logprobs))

    def _spectrogram(self, job: Job) -> torch.Tensor:
        """The spectrogram of the job and of a little silence, shape (n_mels, 2 T)."""
        positions = _audio_positions(job) + MIN_PADDING
        return self._log_mel(
            job.audio,
            2 * min(max(-(-positions // WINDOW_STEP) * WINDOW_STEP, LEAD_IN_POSITIONS + WINDOW_STEP), MAX_POSITIONS),
        )

    def _make_request(self, job: Job, language: str) -> DecodeRequest:
        prompt = [*self._vocabulary_prompt, *self._generation_config.prompt(language, self._task)]
        forced = [token for word in job.committed for token in word.tokens]
        room = self._generation_config.dims.max_tokens - len(prompt) - len(forced) - 1
        heard = _audio_positions(job)
        limit = max(0, min(room, MAX_TOKENS_PER_S * len(job.audio) // SAMPLE_RATE + 10))
        return DecodeRequest(
            prompt=prompt,
            start_index=len(self._vocabulary_prompt),
            forced=forced,
            draft=[token for word in job.draft for token in word.tokens][:limit],
            max_new_tokens=limit,
            audio_positions=heard,
            unfinished_positions=0 if job.final else min(UNFINISHED_POSITIONS, heard),
            must_continue=job.must_continue,
        )

    def _detect_language(self, cross_kv: CrossKV, expected: str | None) -> tuple[str, bool]:
        """The language that the audio most likely is in, and whether that is sure."""
        languages = self._generation_config.language_tokens
        if not languages:
            return "en", True
        logits = self._speculative_decoder.decoder([self._generation_config.start_token], 0, cross_kv, [0]).logits[
            0
        ]  # (V,)
        language = detect_language(logits, languages, expected)
        return language, language_probability(logits, languages, language) > MIN_LANGUAGE_PROBABILITY

    def _align_words(
        self, job: Job, result: DecodedText, language: str, audio_positions: int
    ) -> tuple[RecognizedWord, ...]:
        """The text as words, each where it was heard."""
        if not result.tokens:
            return ()
        weights = attention_weights(result.attention)[-len(result.tokens) - 1 :]  # (n + 1, T): the last is what follows
        first = (job.committed[-1].end - job.start) // POSITION_SAMPLES - ALIGNMENT_SLACK if job.committed else 0
        first = max(0, min(first, audio_positions - len(weights)))
        starts = token_starts(weights[:, first : max(audio_positions, first + 1)]) + first  # (n + 1,)
        ends = [min(job.start + int(start) * POSITION_SAMPLES, job.end) for start in starts]
        words: list[RecognizedWord] = []
        at = 0
        for word, tokens in split_words(result.tokens, self._decode_tokens, language):
            after = at + len(tokens)
            probability = float(np.exp(np.mean(result.logprobs[at:after])))
            words.append(RecognizedWord(word, ends[at], ends[after], probability, tokens))
            at = after
        return tuple(words)

    def _decode_tokens(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens))


@dataclass(frozen=True, slots=True)
class _BatchItem:
    """A job that is being decoded beside others, and what it takes of the memory; ``spoken`` if it is sure of that."""

    job: Job
    language: str
    detected_language: str | None
    nbytes: int
    state: DecodeState


def _audio_positions(job: Job) -> int:
    """How many encoder positions have audio in them."""
    return min(-(-len(job.audio) // POSITION_SAMPLES), MAX_POSITIONS)


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    """For work with torch: its errors are those of the engine."""
    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        raise EngineError(f"decoding {what} failed: {error}") from error


def _lead_in() -> Samples:
    """A second of the bundled recording."""
    file = AudioFile(welcome(), fast=True)
    file.open()
    blocks: list[Samples] = []
    while block := file.read(Event()):
        blocks.append(block.samples)
        if block.end >= samples_from_ms(LEAD_IN_MS[1]):
            break
    file.close()
    return np.concatenate(blocks)[samples_from_ms(LEAD_IN_MS[0]) : samples_from_ms(LEAD_IN_MS[1])]
