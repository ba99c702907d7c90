"""Recordings that others send to be heard by the daemon's engine, passage by passage, behind the live sources.

What is heard is theirs: it is not published, and not kept.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Never

from streamstt.audio.sources import AudioFile
from streamstt.concurrency import off_loop
from streamstt.engine.background import Errands
from streamstt.engine.runner import EngineRoom
from streamstt.errors import SourceError
from streamstt.events import Final
from streamstt.recordings.chunks import Cutter, Listening, Passage, captions
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import Rewriting

SOURCE = "upload"  # names their jobs in the log
BLOCK_S = 4  # of audio that is read at once: the detector, too, shares the processor with what is live


class Recording:
    """One file. Whoever has opened it, or tried to, closes it.

    Attributes:
        duration_s: Of it, once it is open.
    """

    def __init__(self, path: Path, name: str, language: str, errands: Errands) -> None:
        """It is not open yet.

        Args:
            path: Any file that libsndfile reads.
            name: What its owner calls it; nobody else's business is what we call it.
            language: Code, ``auto``, or empty for the engine's setting.
            errands: Where the engine is asked.
        """
        self.duration_s = 0.0
        self._names = str(path), name
        self._file = AudioFile(path, fast=True, block_s=BLOCK_S)
        self._errands = errands
        self._speech = errands.settings.speech
        self._rewriting = Rewriting(errands.settings.words)
        spoken = language or errands.settings.engine.language
        self._language = None if spoken == "auto" else spoken
        self._cutter: Cutter | None = None

    async def open(self) -> None:
        """Opens it.

        Raises:
            SourceError: It cannot be read.
        """
        await off_loop(self._open)

    async def finals(self) -> AsyncIterator[Final]:
        """Its captions, in order, as they are heard.

        Raises:
            SourceError: It is damaged.
            EngineError: The engine failed.
        """
        writer = CaptionWriter(SOURCE, rewriting=self._rewriting)
        spoken: str | None = None
        async for passage in self._passages():
            listening = Listening(passage, SOURCE, self._speech, self._language)
            listening.expected = spoken
            while job := listening.job:
                listening.take(await self._errands.decode(job))
            spoken = listening.language if listening.words else spoken
            for final in captions(listening, writer, self._speech):
                if final.text:
                    yield final

    async def close(self) -> None:
        """Lets go of it."""
        await off_loop(self._file.close)

    def _open(self) -> None:
        from streamstt.recordings.silero import make_judge  # noqa: PLC0415 - torch takes seconds to import

        # When the language is to be detected, each utterance may have its own.
        self._cutter = Cutter(self._speech, make_judge(self._speech), join=self._language is not None)
        with self._renaming():
            self._file.open()
        self.duration_s = self._file.duration_s

    async def _passages(self) -> AsyncIterator[Passage]:
        more = True
        while more:
            passages, more = await off_loop(self._cut)
            for passage in passages:
                yield passage

    def _cut(self) -> tuple[list[Passage], bool]:
        """The passages that the next audio completes, and whether more may come."""
        assert self._cutter is not None, "open() comes first"  # a mistake of the caller
        with self._renaming():
            block = self._file.read(Never())
        return list(self._cutter.push(block) if block else self._cutter.end()), block is not None

    @contextmanager
    def _renaming(self) -> Iterator[None]:
        try:
            yield
        except SourceError as error:
            raise SourceError(str(error).replace(*self._names)) from error


class Uploads:
    """Hears recordings."""

    def __init__(self, errands: Errands, engine: EngineRoom) -> None:
        """Has heard none.

        Args:
            errands: Where the engine is asked.
            engine: Started; tells which languages there are.
        """
        self._errands = errands
        self._engine = engine

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes that the model knows."""
        return self._engine.info.languages

    def recording(self, path: Path, name: str, language: str) -> Recording:
        """A recording that is to be opened; arguments as for ``Recording``."""
        return Recording(path, name, language, self._errands)
