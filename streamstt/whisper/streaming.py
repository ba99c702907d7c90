"""The streaming engine: decodes updates of an utterance with a Whisper of our own, each from the last one's draft.

Encodes only the audio of the job and half a second of silence, gives the decoder silence up to 30 s after it, and
verifies the draft in one pass. Does not decide which words are committed (``speech/local_agreement.py`` does).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch

from streamstt.audio.format import SAMPLE_RATE
from streamstt.config.settings import EngineSettings
from streamstt.engine.base import EngineInfo, Hypothesis, Job
from streamstt.errors import EngineError, ModelError
from streamstt.whisper import runtime
from streamstt.whisper.checkpoints.cache import default_cache_root
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.generation_config import detect_language, language_probability, read_generation_config
from streamstt.whisper.decoding.held_back import HeldBackTokens
from streamstt.whisper.decoding.known_words import KnownWords, identify_tokenizer
from streamstt.whisper.decoding.prompt import prompt_tokens
from streamstt.whisper.decoding.speculative import (
    DecodeRequest,
    DecodeState,
    SpeculativeDecoder,
)
from streamstt.whisper.decoding.token_rate import max_tokens
from streamstt.whisper.decoding.token_text import encode_text, encode_texts, read_token_text
from streamstt.whisper.hypothesis_maker import HypothesisMaker, audio_positions
from streamstt.whisper.lead_in import read_lead_in
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network import precision
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.layers import MAX_POSITIONS
from streamstt.whisper.network.model import load_network
from streamstt.whisper.runtime import find_device
from streamstt.whisper.silent_context import SilentContexts
from streamstt.whisper.window_encoder import WindowEncoder

FIRST_SPECIAL_TOKEN = 50256  # of any Whisper; text tokens come before
LEAD_IN_POSITIONS = 50  # positions: less than any window
MIN_PADDING = 18  # positions of silence after the audio (0.36 s; 0.6 s on average); a second is no better
WINDOW_STEP = 8  # positions: windows are multiples of it, so that freed blocks of the heap fit again and it grows less
UNFINISHED_POSITIONS = 15  # positions (0.3 s) at the end of audio that continues: they may hold half a word
MAX_BATCH = 16  # jobs decoded side by side: more save little
MAX_BATCH_BYTES = 160 << 20  # memory of these jobs above which no other is started
MIN_LANGUAGE_PROBABILITY = 0.5  # of the detected language, from which the next job of a batch expects it


class StreamingEngine:
    """Implements ``Engine`` with this package's own forward pass.

    Attributes:
        info: Model, device, number formats and languages.
        network: The parts of the model, so that each can be timed.
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
        token_text = read_token_text(folder)
        self._encode_text = partial(encode_text, folder)
        some_tokens = (token_text([token]) for token in range(0, FIRST_SPECIAL_TOKEN, 97))
        self._known_words = KnownWords(identify_tokenizer(some_tokens), partial(encode_texts, folder))
        self._make_hypothesis = HypothesisMaker(token_text, self._known_words, self._generation_config.no_speech_token)
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
        log_mel = LogMel(dims.n_mels, device)
        config = self._generation_config
        self.network = network = load_network(weights, dims, formats, device, config.alignment_heads)
        self._speculative_decoder = SpeculativeDecoder(network.decoder, config.token_filter, device)
        self._held_back = HeldBackTokens()
        lead_in = log_mel(read_lead_in(), 2 * LEAD_IN_POSITIONS)  # (n_mels, 2 * LEAD_IN_POSITIONS)
        silent_contexts = SilentContexts(network.encoder, network.project_kv, lead_in)
        self._window_encoder = WindowEncoder(network, log_mel, silent_contexts)
        return formats

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Sets the names and terms to expect from the next job on.

        Raises:
            ConfigError: They are too long for the model.
        """
        config = self._generation_config
        self._vocabulary_prompt = prompt_tokens(
            terms,
            self._encode_text,
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
                return self._decode_alone(job)
        finally:
            # Not after each update: allocating its memory again takes a seventh of an update's time.
            if job.final:
                self._window_encoder.forget(job.source)
                runtime.release_free_memory()

    def _decode_alone(self, job: Job) -> Hypothesis:
        cross_kv = self._window_encoder.encode_next(job.source, job.audio, _window_positions(job))
        language = self._known_language(job) or self._detect_language(cross_kv, job.expected_language)[0]
        request = self._make_request(job, language)
        expected = self._held_back.after(job.source, [*request.forced, *request.draft])
        request = replace(request, draft=[*request.draft, *expected])
        text = self._speculative_decoder(request, cross_kv)
        self._held_back.keep(job.source, [*request.forced, *text.tokens], text.held_back)
        return self._make_hypothesis(job, text, language)

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

    def decode_in_steps(self, job: Job) -> Iterator[Hypothesis | None]:
        """Decodes one job in steps of some ten milliseconds, with memory of its own.

        Raises:
            EngineError: torch failed, for instance because memory ran out.
        """
        try:
            yield from self._steps(job)
        finally:
            runtime.release_free_memory()

    def _steps(self, job: Job) -> Iterator[Hypothesis | None]:
        # Each step by itself: what runs between them is no business of ``_engine_errors``.
        steps = self._window_encoder.encode_in_steps(job.audio, _window_positions(job))
        cross_kv: CrossKV | None = None
        while cross_kv is None:
            with _engine_errors(str(job)):
                try:
                    next(steps)
                except StopIteration as end:
                    cross_kv = end.value
            yield None
        with _engine_errors(str(job)):
            language = self._known_language(job) or self._detect_language(cross_kv, job.expected_language)[0]
            request = replace(self._make_request(job, language), scores_draft=True)
            batch = [self._start_decode(job, request, language, cross_kv)]
        while batch:
            with _engine_errors(str(job)):
                hypotheses = self._step_batch(batch)
            yield hypotheses[0] if hypotheses else None

    def _batch_has_room(self, batch: list["_BatchItem"]) -> bool:
        return len(batch) < MAX_BATCH and sum(item.nbytes for item in batch) < MAX_BATCH_BYTES

    def _start_item(self, job: Job, expected: str | None) -> "_BatchItem":
        cross_kv = self._window_encoder(job.audio, _window_positions(job))
        if known := self._known_language(job):
            language, is_sure = known, False
        else:
            language, is_sure = self._detect_language(cross_kv, expected or job.expected_language)
        item = self._start_decode(job, self._make_request(job, language), language, cross_kv)
        return replace(item, detected_language=language if is_sure else None)

    def _start_decode(self, job: Job, request: DecodeRequest, language: str, cross_kv: CrossKV) -> "_BatchItem":
        n_tokens = len(request.prompt) + len(request.forced) + max(request.max_new_tokens, len(request.draft))
        kv_cache = self._speculative_decoder.decoder.make_cache(n_tokens)
        state = self._speculative_decoder.start(request, cross_kv, kv_cache)
        return _BatchItem(job, language, cross_kv.nbytes + kv_cache.nbytes, state)

    def _step_batch(self, batch: list["_BatchItem"]) -> list[Hypothesis]:
        """Runs one pass; removes the items that it completes from ``batch``, and returns their hypotheses."""
        outputs = self._speculative_decoder.decoder.forward_batch([item.state.next_input for item in batch])
        for item, output in zip(batch, outputs, strict=True):
            self._speculative_decoder.step(item.state, output)
        done = [(item, item.state.result) for item in batch if item.state.result is not None]
        batch[:] = [item for item in batch if item.state.result is None]
        return [self._make_hypothesis(item.job, text, item.language) for item, text in done]

    def _make_request(self, job: Job, language: str) -> DecodeRequest:
        prompt = [*self._vocabulary_prompt, *self._generation_config.prompt(language, self._task)]
        forced = self._known_words.tokens(job.committed)
        capacity = self._generation_config.dims.max_tokens - len(prompt) - len(forced) - 1
        n_positions = audio_positions(job)
        limit = max(0, min(capacity, max_tokens(language, self._task, len(job.audio) / SAMPLE_RATE)))
        return DecodeRequest(
            prompt=prompt,
            start_index=len(self._vocabulary_prompt),
            forced=forced,
            draft=self._known_words.tokens(job.draft)[:limit],
            max_new_tokens=limit,
            audio_positions=n_positions,
            unfinished_positions=0 if job.final else min(UNFINISHED_POSITIONS, n_positions),
            must_continue=job.must_continue,
        )

    def _known_language(self, job: Job) -> str | None:
        """Returns the language of a job; None if it is to be detected, or was by a model that knew others."""
        return job.language if job.language in self.info.languages else None

    def _detect_language(self, cross_kv: CrossKV, expected: str | None) -> tuple[str, bool]:
        """Returns the most likely language of the audio, and whether it is likely enough to be expected next."""
        languages = self._generation_config.language_tokens
        if not languages:
            return "en", True
        start = [self._generation_config.start_token]
        logits = self._speculative_decoder.decoder(start, 0, cross_kv, [0]).logits[0]  # (V,)
        language = detect_language(logits, languages, expected)
        return language, language_probability(logits, languages, language) > MIN_LANGUAGE_PROBABILITY


@dataclass(frozen=True, slots=True)
class _BatchItem:
    """A job that is decoded side by side with others.

    Attributes:
        job: The job.
        language: Code of the language in which it is decoded.
        nbytes: Memory of its keys and values.
        state: Its decode.
        detected_language: Code of the language, if it was detected with confidence, else None.
    """

    job: Job
    language: str
    nbytes: int
    state: DecodeState
    detected_language: str | None = None


def _window_positions(job: Job) -> int:
    """Returns the length of the window: the audio of the job and some silence after it."""
    positions = audio_positions(job) + MIN_PADDING
    return min(max(-(-positions // WINDOW_STEP) * WINDOW_STEP, LEAD_IN_POSITIONS + WINDOW_STEP), MAX_POSITIONS)


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
