"""Transcribes recordings that clients upload, chunk by chunk, in the background of the live sources.

The captions belong to the client: they are neither published nor stored.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from streamstt.audio.level import LevelMeter
from streamstt.audio.sources import AudioFile
from streamstt.concurrency import run_in_thread
from streamstt.engine.background import BackgroundDecoder
from streamstt.engine.runner import EngineRunner
from streamstt.errors import SourceError
from streamstt.events import Final
from streamstt.recordings.captions import RecordingCaptions
from streamstt.recordings.chunks import Chunk, ChunkDecode, ChunkSplitter
from streamstt.recordings.hearing import describe_hearing
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter

SOURCE = "upload"  # name of the jobs in logs
BLOCK_S = 4  # s of audio that are read at once: the detector, too, shares the CPU with the live sources


class UploadedRecording:
    """The transcription of one file. The caller closes it after ``open``, even if that failed.

    Attributes:
        duration_s: Duration of the recording in seconds; 0 before it is open.
        problems: Sentences about what could not be read or heard, complete after the last caption.
    """

    def __init__(self, path: Path, name: str, language: str, track: int, background_decoder: BackgroundDecoder) -> None:
        """Opens nothing yet; call ``open``.

        Args:
            path: A recording of any format that libsndfile or FFmpeg read.
            name: The client's name of the file, which errors show in place of ``path``.
            language: Language code, ``auto``, or empty for ``engine.language``.
            track: Number of the audio track, from 1 on; 0: the one that is meant for everybody.
            background_decoder: Decodes the chunks.
        """
        self.duration_s = 0.0
        self.problems: list[str] = []
        self._path_and_name = str(path), name
        self._file = AudioFile(path, fast=True, block_s=BLOCK_S, track=track)
        self._background_decoder = background_decoder
        self._speech = background_decoder.settings.speech
        self._rewriter = WordRewriter(background_decoder.settings.words)
        language = language or background_decoder.settings.engine.language
        self._language = None if language == "auto" else language
        self._splitter: ChunkSplitter | None = None
        self._level = LevelMeter()
        self._heard = False  # whether there was a caption

    async def open(self) -> None:
        """Opens the file.

        Raises:
            SourceError: The file cannot be read.
        """
        await run_in_thread(self._open)

    async def finals(self) -> AsyncIterator[Final]:
        """Yields the captions, in order, as they are decoded.

        Raises:
            EngineError: The engine failed.
        """
        captions = RecordingCaptions(CaptionWriter(SOURCE, rewriter=self._rewriter), self._speech)
        last_language: str | None = None
        async for chunk in self._read_chunks():
            decode = ChunkDecode(chunk, SOURCE, self._speech, self._language)
            decode.expected_language = last_language
            while job := decode.job:
                decode.apply(await self._background_decoder.decode(job))
            last_language = decode.language if decode.words else last_language
            for final in captions.add(decode):
                self._heard = True
                yield final
        for final in captions.flush():
            self._heard = True
            yield final
        self._describe_hearing()

    def _describe_hearing(self) -> None:
        assert self._splitter is not None, "open() comes first"
        too_quiet = self._splitter.voice_was_too_quiet
        if problem := describe_hearing(
            self._level.current, self._file.bad_samples, too_quiet=too_quiet, heard=self._heard
        ):
            self.problems.append(problem)

    async def close(self) -> None:
        """Closes the file."""
        await run_in_thread(self._file.close)

    def _open(self) -> None:
        from streamstt.recordings.silero import make_batch_detector  # noqa: PLC0415 - torch takes seconds to import

        # When the language is to be detected, each utterance may be in another one.
        self._splitter = ChunkSplitter(self._speech, make_batch_detector(self._speech), join=self._language is not None)
        with self._hiding_path():
            self._file.open()
        self.duration_s = self._file.duration_s

    async def _read_chunks(self) -> AsyncIterator[Chunk]:
        more = True
        while more:
            chunks, more = await run_in_thread(self._next_chunks)
            for chunk in chunks:
                yield chunk

    def _next_chunks(self) -> tuple[list[Chunk], bool]:
        """Returns the chunks that the next audio completes, and whether more may come."""
        assert self._splitter is not None, "open() comes first"
        try:
            with self._hiding_path():
                block = self._file.read(Event())
                self.duration_s = self._file.duration_s if block else self.duration_s
        except SourceError as damage:  # comes after all that can be read
            self.problems.append(str(damage))
            block = None
        if block:
            self._level.push(block.samples)
        return list(self._splitter.push(block) if block else self._splitter.flush()), block is not None

    @contextmanager
    def _hiding_path(self) -> Iterator[None]:
        """Replaces the path in errors with the client's name of the file."""
        try:
            yield
        except SourceError as error:
            raise SourceError(str(error).replace(*self._path_and_name)) from error


class UploadTranscriber:
    """Makes the transcriptions of uploaded recordings."""

    def __init__(self, background_decoder: BackgroundDecoder, engine: EngineRunner) -> None:
        """Uses the engine of the daemon.

        Args:
            background_decoder: Decodes the chunks.
            engine: A started engine, whose languages are offered.
        """
        self._background_decoder = background_decoder
        self._engine = engine

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that the model knows."""
        return self._engine.info.languages

    def recording(self, path: Path, name: str, language: str, track: int = 0) -> UploadedRecording:
        """Returns the transcription of a file, not opened yet; arguments are those of ``UploadedRecording``."""
        return UploadedRecording(path, name, language, track, self._background_decoder)
