"""Recordings that others send to be heard by the daemon's engine, passage by passage, behind the live sources.

What is heard is theirs: it is not published, and not kept.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event as Never

from streamstt.audio.sources import AudioFile
from streamstt.engine_room import EngineRoom
from streamstt.errands import Errands
from streamstt.errors import SourceError
from streamstt.offloading import off_loop
from streamstt.speech.captions import Final
from streamstt.speech.passages import Cutter, Listening, Passage, captions
from streamstt.speech.writer import CaptionWriter

BLOCK_S = 4  # of audio that is read at once: the detector, too, shares the processor with what is live


class Recording:
    """One file."""

    def __init__(self, file: AudioFile, errands: Errands, cutter: Cutter, language: str | None) -> None:
        """It is open.

        Args:
            file: The recording.
            errands: Where the engine is asked.
            cutter: Fresh.
            language: Code, or None to detect it in each utterance.
        """
        self.duration_s = file.duration_s
        self._file = file
        self._errands = errands
        self._cutter = cutter
        self._language = language

    async def finals(self) -> AsyncIterator[Final]:
        """Its captions, in order, as they are heard.

        Raises:
            SourceError: It is damaged.
            EngineError: The engine failed.
        """
        speech = self._errands.settings.speech
        writer = CaptionWriter("upload")
        spoken: str | None = None
        async for passage in self._passages():
            listening = Listening(passage, "upload", speech, self._language)
            listening.expected = spoken
            while job := listening.job:
                listening.take(await self._errands.decode(job))
            spoken = listening.language if listening.words else spoken
            for final in captions(listening, writer, speech):
                if final.text:
                    yield final

    async def close(self) -> None:
        """Lets go of the file."""
        await off_loop(self._file.close)

    async def _passages(self) -> AsyncIterator[Passage]:
        more = True
        while more:
            passages, more = await off_loop(self._cut)
            for passage in passages:
                yield passage

    def _cut(self) -> tuple[list[Passage], bool]:
        """The passages that the next audio completes, and whether more may come."""
        block = self._file.read(Never())
        return list(self._cutter.push(block) if block else self._cutter.end()), block is not None


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

    async def open(self, path: Path, name: str, language: str) -> Recording:
        """Opens a recording.

        Args:
            path: Any file that libsndfile reads.
            name: What its owner calls it.
            language: Code, ``auto``, or empty for the engine's setting.

        Raises:
            SourceError: It cannot be read.
        """
        settings = self._errands.settings
        spoken = language or settings.engine.language
        code = None if spoken == "auto" else spoken

        def opened() -> Recording:
            from streamstt.whisper.silero import make_judge  # noqa: PLC0415 - torch takes seconds to import

            file = AudioFile(path, fast=True, block_s=BLOCK_S)
            file.open()
            return Recording(
                file, self._errands, Cutter(settings.speech, make_judge(settings.speech), join=code is not None), code
            )

        try:
            return await off_loop(opened)
        except SourceError as error:
            raise SourceError(str(error).replace(str(path), name)) from error
