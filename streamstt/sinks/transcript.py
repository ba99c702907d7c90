"""Appends every final caption to a JSON Lines file, as it happens."""

import asyncio
import logging
from pathlib import Path
from typing import IO

from streamstt.errors import SinkError
from streamstt.serve.hub import Outbox
from streamstt.serve.protocol import Message

log = logging.getLogger(__name__)


class TranscriptFile:
    """A subscriber of the hub. A full disk stops the file, never the captions."""

    def __init__(self, file: str) -> None:
        """Opens the file for appending, readable for its owner only.

        Args:
            file: Its path, ``~`` for the home folder; made if it is not there, with its folder.

        Raises:
            SinkError: It cannot be opened.
        """
        path = self._path = Path(file).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._file: IO[str] = path.open("a", encoding="utf-8")
        except OSError as error:
            raise SinkError(f"cannot write the transcript {path}: {error.strerror}") from error

    async def run(self, outbox: Outbox) -> None:
        """Writes finals until the outbox is finished; each is flushed before the next."""
        try:
            while (message := await outbox.get()) is not None:
                if isinstance(message, Message) and message.is_final and message.data["text"]:
                    await asyncio.to_thread(self._write, message.text)
        finally:
            self._file.close()

    def _write(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            log.error("a caption could not be written to %s: %s", self._path, error.strerror)
