"""Final captions into a named pipe, a line each, for whoever reads it.

While nobody reads, lines are dropped: a pipe is no mailbox. Whoever comes begins with a whole line.
"""

import asyncio
import errno
import os
import stat
from pathlib import Path
from typing import Literal

from streamstt.errors import SinkError
from streamstt.sinks.parcel import Away, Parcel
from streamstt.sinks.stdout import line_of
from streamstt.sinks.writing import write


def prepare(path: Path) -> None:
    """Makes the pipe, for its owner only, if it is not there.

    Raises:
        SinkError: It cannot be made, or there is something else.
    """
    try:
        if not os.path.lexists(path):
            os.mkfifo(path, 0o600)
        kind = path.stat().st_mode
    except OSError as error:
        raise SinkError(f"cannot make the pipe {path} (output.pipe): {error.strerror}") from error
    if not stat.S_ISFIFO(kind):
        raise SinkError(f"{path} (output.pipe) is there and is no pipe: remove it, or choose another path")


class Pipe:
    """A ``Target``."""

    def __init__(self, path: Path, form: Literal["text", "json"], session: str) -> None:
        """Opens nothing yet.

        Args:
            path: Of the pipe, which is there.
            form: Of a line.
            session: Of the hub.
        """
        self._path = path
        self._form = form
        self._session = session
        self._descriptor: int | None = None
        self.is_open = True  # whether somebody reads is seen line by line

    async def open(self) -> None:
        """It always is."""

    async def send(self, parcel: Parcel) -> bool:
        """Writes a line; False: nobody reads."""
        descriptor = self._descriptor if self._descriptor is not None else self._find_reader()
        if descriptor is None:
            return False
        try:
            await write(descriptor, line_of(parcel, self._form, self._session))
        except BrokenPipeError:
            self._leave()
            return False
        except OSError as problem:
            self._leave()
            raise Away(f"the pipe cannot be written to: {problem.strerror}") from problem
        return True

    def _find_reader(self) -> int | None:
        """Opens the pipe if somebody reads it."""
        try:
            prepare(self._path)  # somebody may have removed it
            # Without waiting: whoever opens a pipe to write waits for a reader otherwise.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except SinkError as problem:
            raise Away(str(problem)) from problem
        except OSError as problem:
            if problem.errno == errno.ENXIO:
                return None
            raise Away(f"the pipe cannot be opened: {problem.strerror}") from problem
        self._descriptor = descriptor
        # Tells when the last reader has gone. What it left unread goes with the descriptor; kept open, half a line of
        # it would be the first that the next one reads.
        asyncio.get_running_loop().add_reader(descriptor, self._leave)
        return descriptor

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
            os.close(descriptor)

    async def lost(self) -> None:
        """Nobody need act on it."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes it; the pipe stays, for readers may wait for the next run."""
        self._leave()
