"""Recordings that others send to be heard by the daemon's engine, passage by passage, behind the live sources.

What is heard is theirs: it is not published, and not kept.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Never

from streamstt.audio.sources import AudioFile
from streamstt.concurrency import run_in_thread
from streamstt.engine.background import BackgroundDecoder
from streamstt.engine.runner import EngineRunner
from streamstt.errors import SourceError
from streamstt.events import Final
from streamstt.recordings.chunks import Chunk, ChunkDecode, ChunkSplitter, write_captions
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter

SOURCE = "upload"  # names their jobs in the log
BLOCK_S = 4  # of audio that is read at once: the detector, too, shares the processor with what is live


class UploadedRecording:
    """One file. Whoever has opened it, or tried to, closes it.

    Attributes:
        duration_s: Of it, once it is open.
    """

    def __init__(self, path: Path, name: str, language: str, background_decoder: BackgroundDecoder) -> None:
        """It is not open yet.

        Args:
            path: Any file that libsndfile reads.
            name: What its owner calls it; nobody else's business is what we call it.
            language: Code, ``auto``, or empty for the engine's setting.
            background_decoder: Where the engine is asked.
        """
        self.duration_s = 0.0
        self._path_and_name = str(path), name
        self._file = AudioFile(path, fast=True, block_s=BLOCK_S)
        self._background_decoder = background_decoder
        self._speech = background_decoder.settings.speech
        self._rewriter = WordRewriter(background_decoder.settings.words)
        spoken = language or background_decoder.settings.engine.language
        self._language = None if spoken == "auto" else spoken
        self._splitter: ChunkSplitter | None = None

    async def open(self) -> None:
        """Opens it.

        Raises:
            SourceError: It cannot be read.
        """
        await run_in_thread(self._open)

    async def finals(self) -> AsyncIterator[Final]:
        """Its captions, in order, as they are heard.

        Raises:
            SourceError: It is damaged.
            EngineError: The engine failed.
        """
        writer = CaptionWriter(SOURCE, rewriter=self._rewriter)
        spoken: str | None = None
        async for passage in self._read_chunks():
            listening = ChunkDecode(passage, SOURCE, self._speech, self._language)
            listening.expected_language = spoken
            while job := listening.job:
                listening.apply(await self._background_decoder.decode(job))
            spoken = listening.language if listening.words else spoken
            for final in write_captions(listening, writer, self._speech):
                if final.text:
                    yield final

    async def close(self) -> None:
        """Lets go of it."""
        await run_in_thread(self._file.close)

    def _open(self) -> None:
        from streamstt.recordings.silero import make_batch_detector  # noqa: PLC0415 - torch takes seconds to import

        # When the language is to be detected, each utterance may have its own.
        self._splitter = ChunkSplitter(self._speech, make_batch_detector(self._speech), join=self._language is not None)
        with self._hiding_path():
            self._file.open()
        self.duration_s = self._file.duration_s

    async def _read_chunks(self) -> AsyncIterator[Chunk]:
        more = True
        while more:
            passages, more = await run_in_thread(self._next_chunks)
            for passage in passages:
                yield passage

    def _next_chunks(self) -> tuple[list[Chunk], bool]:
        """The passages that the next audio completes, and whether more may come."""
        assert self._splitter is not None, "open() comes first"  # a mistake of the caller
        with self._hiding_path():
            block = self._file.read(Never())
        return list(self._splitter.push(block) if block else self._splitter.flush()), block is not None

    @contextmanager
    def _hiding_path(self) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            raise SourceError(str(error).replace(*self._path_and_name)) from error


class UploadTranscriber:
    """Hears recordings."""

    def __init__(self, background_decoder: BackgroundDecoder, engine: EngineRunner) -> None:
        """Has heard none.

        Args:
            background_decoder: Where the engine is asked.
            engine: Started; tells which languages there are.
        """
        self._background_decoder = background_decoder
        self._engine = engine

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes that the model knows."""
        return self._engine.info.languages

    def recording(self, path: Path, name: str, language: str) -> UploadedRecording:
        """A recording that is to be opened; arguments as for ``UploadedRecording``."""
        return UploadedRecording(path, name, language, self._background_decoder)
