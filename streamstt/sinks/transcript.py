"""Appends every final caption to a JSON Lines file, as it happens."""

import asyncio
import errno
import logging
import os
from pathlib import Path

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
        self._torn = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._file = path.open("ab", buffering=0)  # what is written is with the system, whatever happens to us
        except OSError as error:
            raise SinkError(f"cannot write the transcript {path}: {error.strerror}") from error

    async def run(self, outbox: Outbox) -> None:
        """Writes finals until the outbox is finished, each before the next."""
        with self._file:
            while (message := await outbox.get()) is not None:
                if isinstance(message, Message) and message.is_final and message.data["text"]:
                    await asyncio.to_thread(self._write, f"{message.text}\n".encode())

    def _write(self, line: bytes) -> None:
        try:
            if self._torn:  # the disk was full in the middle of a line: the next one begins on its own
                line = b"\n" + line
            self._torn = self._file.write(line) < len(line)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            log.error("a caption could not be written to %s: %s", self._path, error.strerror)
