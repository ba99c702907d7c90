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
from streamstt.whisper.checkpoints.cache import default_root
from streamstt.whisper.checkpoints.search import Checkpoint
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.alignment import FRAME_S, attention_weights, token_starts
from streamstt.whisper.decoding.generation_config import likeliest, read_settings, share_of
from streamstt.whisper.decoding.prompt import prompt_tokens
from streamstt.whisper.decoding.speculative import Greedy, Task, Telling, Text, mean_logprob
from streamstt.whisper.decoding.words import split_words
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network import precision
from streamstt.whisper.network.decoder import CrossAttention, Decoder, Memory
from streamstt.whisper.network.encoder import Encoder
from streamstt.whisper.network.layers import POSITIONS, Shape
from streamstt.whisper.runtime import find_device
from streamstt.whisper.silent_context import Silences

POSITION = samples_from_ms(FRAME_S * 1000)  # samples in one encoder position
LEAD = 50  # positions: less than any window
LEAD_MS = (500, 1500)  # a second of speech that silence is heard after
PADDING = 18  # positions of silence behind the audio, at least: 0.36 s, on average 0.6 s; a second is no better
GRID = 25  # positions: windows are multiples of this, for then the heap has a hole of the right size, and grows less
UNFINISHED = 15  # positions (0.3 s) before the end of audio that goes on: what is heard there may be half a word
SLACK = 10  # positions: a word may be aligned a little after, or the next one before, where it is
MOST = 16  # jobs decoded side by side: more of them save little
ROOM = 160 << 20  # bytes that they may take before no other joins them
SURE = 0.5  # probability of a language among all
TOKENS_PER_S = 12  # nobody speaks faster; a decode that wants more is in a loop


class StreamingEngine:
    """Implements ``Engine`` with a forward pass of our own."""

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
        self._speaking = read_settings(folder)
        self._task = settings.task
        if settings.task == "translate" and not self._speaking.languages:
            raise ModelError(f"{checkpoint.name} knows English only and cannot translate; take base, or small")
        try:
            self._tokenizer = WhisperTokenizerFast.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} has no tokenizer that loads: {error}") from error
        self.set_vocabulary(settings.vocabulary)
        with torch.inference_mode():
            formats = self._load(Weights(folder), settings)
        runtime.trim()  # of the weights as they were in the file
        known = tuple(sorted(self._speaking.languages)) or ("en",)
        self.info = EngineInfo(checkpoint.name, str(self._device), str(formats), known)

    def _load(self, weights: Weights, settings: EngineSettings) -> precision.Choice:
        shape, device = self._speaking.shape, self._device
        cache = default_root() / "precision.json"
        formats = precision.choose(settings.encoder, settings.decoder, shape, device, cache)
        self._mel = LogMel(shape.n_mels, device)
        encoder = Encoder(weights, shape, formats, device)
        decoder = Decoder(weights, shape, formats.decoder, device, self._speaking.alignment_heads)
        self._greedy = Greedy(decoder, self._speaking.rules, device)
        cross = CrossAttention(weights, shape, formats.encoder, device)
        self._silences = Silences(shape, encoder, cross, self._mel(_speech(), 2 * LEAD))
        return formats

    @property
    def network(self) -> tuple[Shape, Silences, Decoder]:
        """The model's sizes, what hears and what speaks: to be timed part by part."""
        return self._speaking.shape, self._silences, self._greedy.decoder

    def set_vocabulary(self, terms: Sequence[str]) -> None:
        """Names and terms to expect from the next job on; ``ConfigError`` if they are too many."""
        shape, encode = self._speaking.shape, partial(self._tokenizer.encode, add_special_tokens=False)
        self._vocabulary = prompt_tokens(terms, encode, previous=self._speaking.previous, max_tokens=shape.max_tokens)

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job.

        Raises:
            EngineError: torch failed, for instance for want of memory.
        """
        try:
            with _failing(str(job)):
                memory = self._silences.hear(self._mel_of(job))
                language = job.language or self._language(memory, job.expected_language)[0]
                return self._answer(job, language, self._greedy(self._task_of(job, language), memory))
        finally:
            if job.final:
                runtime.trim()  # not after each update: to get all its memory anew takes a seventh of an update's time

    def decode_batch(self, jobs: Iterable[Job]) -> Iterator[Hypothesis]:
        """Decodes jobs side by side; when one is done, the next takes its place. Drafts are of no use here.

        Raises:
            EngineError: torch failed, for instance for want of memory.
        """
        waiting = iter(jobs)
        tellings: list[_Telling] = []
        spoken: str | None = None  # in the job before, whose answer is not there yet
        while True:
            while self._has_room(tellings) and (job := next(waiting, None)):
                with _failing(str(job)):
                    tellings.append(self._begin(job, spoken))
                spoken = tellings[-1].spoken or spoken
            if not tellings:
                return
            with _failing(f"{len(tellings)} jobs"):
                done = self._step(tellings)
            yield from done

    def _has_room(self, tellings: list["_Telling"]) -> bool:
        return len(tellings) < MOST and sum(t.bytes for t in tellings) < ROOM

    def _begin(self, job: Job, expected: str | None) -> "_Telling":
        memory = self._silences.hear_apart(self._mel_of(job))
        language, sure = (
            (job.language, False) if job.language else self._language(memory, expected or job.expected_language)
        )
        task = replace(self._task_of(job, language), draft=[])
        cache = self._greedy.decoder.cache(len(task.prompt) + len(task.forced) + task.limit)
        size = memory.bytes + cache.nbytes
        return _Telling(job, language, language if sure else None, size, self._greedy.begin(task, memory, cache))

    def _step(self, tellings: list["_Telling"]) -> list[Hypothesis]:
        """One pass; takes out of ``tellings`` those that it completes, and gives their answers."""
        parts = [t.telling.part for t in tellings if t.telling.part]
        for one, read in zip(tellings, self._greedy.decoder.together(parts), strict=True):
            self._greedy.take(one.telling, read)
        done = [t for t in tellings if not t.telling.part]
        tellings[:] = [t for t in tellings if t.telling.part]
        return [self._answer(t.job, t.language, t.telling.text) for t in done if t.telling.text]

    def _answer(self, job: Job, language: str, text: Text) -> Hypothesis:
        no_speech = float(text.first.softmax(-1)[self._speaking.no_speech])
        words = self._words(job, text, language, _positions(job))
        return Hypothesis(job, words, language, no_speech, mean_logprob(text.logprobs))

    def _mel_of(self, job: Job) -> torch.Tensor:
        """The spectrogram of the job and of a little silence, shape (n_mels, 2 T)."""
        positions = _positions(job) + PADDING
        return self._mel(job.audio, 2 * min(max(-(-positions // GRID) * GRID, LEAD + GRID), POSITIONS))

    def _task_of(self, job: Job, language: str) -> Task:
        prompt = [*self._vocabulary, *self._speaking.prompt(language, self._task)]
        forced = [token for word in job.committed for token in word.tokens]
        room = self._speaking.shape.max_tokens - len(prompt) - len(forced) - 1
        heard = _positions(job)
        limit = max(0, min(room, TOKENS_PER_S * len(job.audio) // SAMPLE_RATE + 10))
        return Task(
            prompt=prompt,
            start=len(self._vocabulary),
            forced=forced,
            draft=[token for word in job.draft for token in word.tokens][:limit],
            limit=limit,
            heard=heard,
            unfinished=0 if job.final else min(UNFINISHED, heard),
            goes_on=job.must_continue,
        )

    def _language(self, memory: Memory, expected: str | None) -> tuple[str, bool]:
        """The language that the audio most likely is in, and whether that is sure."""
        languages = self._speaking.languages
        if not languages:
            return "en", True
        logits = self._greedy.decoder([self._speaking.start], 0, memory, [0]).logits[0]  # (V,)
        language = likeliest(logits, languages, expected)
        return language, share_of(logits, languages, language) > SURE

    def _words(self, job: Job, text: Text, language: str, heard: int) -> tuple[RecognizedWord, ...]:
        """The text as words, each where it was heard."""
        if not text.tokens:
            return ()
        weights = attention_weights(text.attention)[-len(text.tokens) - 1 :]  # (n + 1, T): the last is what follows
        first = (job.committed[-1].end - job.start) // POSITION - SLACK if job.committed else 0
        first = max(0, min(first, heard - len(weights)))
        starts = token_starts(weights[:, first : max(heard, first + 1)]) + first  # (n + 1,)
        ends = [min(job.start + int(start) * POSITION, job.end) for start in starts]
        words: list[RecognizedWord] = []
        at = 0
        for word, tokens in split_words(text.tokens, self._text, language):
            after = at + len(tokens)
            probability = float(np.exp(np.mean(text.logprobs[at:after])))
            words.append(RecognizedWord(word, ends[at], ends[after], probability, tokens))
            at = after
        return tuple(words)

    def _text(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens))


@dataclass(frozen=True, slots=True)
class _Telling:
    """A job that is being decoded beside others, and what it takes of the memory; ``spoken`` if it is sure of that."""

    job: Job
    language: str
    spoken: str | None
    bytes: int
    telling: Telling


def _positions(job: Job) -> int:
    """How many encoder positions have audio in them."""
    return min(-(-len(job.audio) // POSITION), POSITIONS)


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """For work with torch: its errors are those of the engine."""
    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        raise EngineError(f"decoding {what} failed: {error}") from error


def _speech() -> Samples:
    """A second of the bundled recording."""
    file = AudioFile(welcome(), fast=True)
    file.open()
    blocks: list[Samples] = []
    while block := file.read(Event()):
        blocks.append(block.samples)
        if block.end >= samples_from_ms(LEAD_MS[1]):
            break
    file.close()
    return np.concatenate(blocks)[samples_from_ms(LEAD_MS[0]) : samples_from_ms(LEAD_MS[1])]
