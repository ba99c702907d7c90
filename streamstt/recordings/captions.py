"""Writes the captions of a recording. Pure."""

from collections.abc import Iterator

from streamstt.audio.format import samples_from_ms
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.events import Final
from streamstt.recordings.chunks import ChunkDecode
from streamstt.speech.caption_breaks import calls_for_more, caption_break
from streamstt.speech.caption_writer import CaptionWriter

MAX_JOINED_PAUSE = samples_from_ms(2000)  # a phrase goes on after a shorter pause


class RecordingCaptions:
    """Divides the words of a recording, chunk by chunk, into captions.

    A chunk may end inside a phrase. The words of that phrase wait for the next chunk.
    """

    def __init__(self, writer: CaptionWriter, settings: SpeechSettings) -> None:
        """Starts without words.

        Args:
            writer: Writes the captions of the recording.
            settings: Settings of the ``[speech]`` section.
        """
        self._writer = writer
        self._max_samples = samples_from_ms(settings.max_caption_s * 1000)
        self._waiting: tuple[RecognizedWord, ...] = ()  # the beginning of a phrase that may go on in the next chunk
        self._language = ""  # of the waiting words
        self._end = 0  # of the last chunk, sample index

    def add(self, chunk: ChunkDecode) -> Iterator[Final]:
        """Yields the captions that a chunk completes.

        Args:
            chunk: The next chunk in the order of audio; it is decoded.
        """
        if not chunk.words:
            return
        if not self._is_continued_by(chunk.words[0], chunk.language):
            yield from self.flush()
        words = (*self._waiting, *chunk.words)
        self._waiting, self._language, self._end = (), chunk.language, chunk.end
        while count := caption_break(words, self._max_samples, language=self._language):
            yield from self._write(words[:count])
            words = words[count:]
        if calls_for_more(words, self._language):
            self._waiting = words
        else:
            yield from self._write(words)

    def flush(self) -> Iterator[Final]:
        """Yields the caption of the words that wait, if any: no chunk follows."""
        words, self._waiting = self._waiting, ()
        yield from self._write(words)

    def _is_continued_by(self, word: RecognizedWord, language: str) -> bool:
        """Returns whether the words that wait go on with the first word of the next chunk."""
        if not self._waiting:
            return True
        return language == self._language and word.start - self._waiting[-1].end <= MAX_JOINED_PAUSE

    def _write(self, words: tuple[RecognizedWord, ...]) -> Iterator[Final]:
        """Yields the caption of some words; none if they have no text."""
        final = self._writer.final(words, self._end, self._language) if words else None
        if final and final.text:
            yield final
