"""Final captions on standard output, a line each."""

import asyncio
import errno
import os
import select
import stat
from pathlib import Path
from typing import Literal

from streamstt.errors import OutputError
from streamstt.outputs.base import CaptionItem, TargetGone, TargetUnavailable

MAX_ATOMIC_WRITE = select.PIPE_BUF  # bytes: where so many fit, a write of so many does not wait (pipe(7))


async def write_nonblocking(descriptor: int, data: bytes) -> None:
    """Writes all, waiting for room where there is none.

    Args:
        descriptor: Of a pipe, a terminal, a socket or a file, that waits for its reader or does not.
        data: One line or more.

    Raises:
        OSError: As write(2) says; part of the data may be written.
    """
    while data:
        await _wait_writable(descriptor)
        try:
            data = data[os.write(descriptor, data[:MAX_ATOMIC_WRITE]) :]
        except BlockingIOError:
            await asyncio.sleep(0.05)  # some say that there is room where there is too little, and do not say when


async def _wait_writable(descriptor: int) -> None:
    """Until something can be written, or its reader is gone."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(descriptor, ready.set)
    except PermissionError:
        return  # a file: it always can
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)


def ensure_pipe(path: Path) -> None:
    """Makes the pipe, for its owner only, if it is not there.

    Raises:
        SinkError: It cannot be made, or there is something else.
    """
    try:
        if not os.path.lexists(path):
            os.mkfifo(path, 0o600)
        kind = path.stat().st_mode
    except OSError as error:
        raise OutputError(f"cannot make the pipe {path} (output.pipe): {error.strerror}") from error
    if not stat.S_ISFIFO(kind):
        raise OutputError(f"{path} (output.pipe) is there and is no pipe: remove it, or choose another path")


class Pipe:
    """A ``Target``."""

    def __init__(self, path: Path, line_format: Literal["text", "json"], session: str) -> None:
        """Opens nothing yet.

        Args:
            path: Of the pipe, which is there.
            line_format: Of a line.
            session: Of the hub.
        """
        self._path = path
        self._line_format = line_format
        self._session = session
        self._descriptor: int | None = None
        self.is_open = True  # whether somebody reads is seen line by line

    async def open(self) -> None:
        """It always is."""

    async def send(self, item: CaptionItem) -> bool:
        """Writes a line; False: nobody reads."""
        descriptor = self._descriptor if self._descriptor is not None else self._open_if_read()
        if descriptor is None:
            return False
        try:
            await write_nonblocking(descriptor, format_line(item, self._line_format, self._session))
        except BrokenPipeError:
            self._close_pipe()
            return False
        except OSError as problem:
            self._close_pipe()
            raise TargetUnavailable(f"the pipe cannot be written to: {problem.strerror}") from problem
        return True

    def _open_if_read(self) -> int | None:
        """Opens the pipe if somebody reads it."""
        try:
            ensure_pipe(self._path)  # somebody may have removed it
            # Without waiting: whoever opens a pipe to write waits for a reader otherwise.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OutputError as problem:
            raise TargetUnavailable(str(problem)) from problem
        except OSError as problem:
            if problem.errno == errno.ENXIO:
                return None
            raise TargetUnavailable(f"the pipe cannot be opened: {problem.strerror}") from problem
        self._descriptor = descriptor
        # Tells when the last reader has gone. What it left unread goes with the descriptor; kept open, half a line of
        # it would be the first that the next one reads.
        asyncio.get_running_loop().add_reader(descriptor, self._close_pipe)
        return descriptor

    def _close_pipe(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
            os.close(descriptor)

    async def wait_closed(self) -> None:
        """Nobody need act on it."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes it; the pipe stays, for readers may wait for the next run."""
        self._close_pipe()


STDOUT_FD = 1


def format_line(item: CaptionItem, line_format: Literal["text", "json"], session: str) -> bytes:
    """A caption as a line: what was said, or the final as viewers get it, with ``label`` and ``session``."""
    line = item.labeled_text if line_format == "text" else item.json(session)
    return f"{line}\n".encode(errors="replace")


class Stdout:
    """A ``Target``. When its reader has gone, that is the end of it: nobody can come back to a pipe without a name."""

    def __init__(self, line_format: Literal["text", "json"], session: str, descriptor: int = STDOUT_FD) -> None:
        """Takes a descriptor of its own, so that waiting for it disturbs nobody else's.

        Args:
            line_format: Of a line.
            session: Of the hub.
            descriptor: In place of standard output.
        """
        self._line_format = line_format
        self._session = session
        self._descriptor = os.dup(descriptor)
        self.is_open = True

    async def open(self) -> None:
        """It always is."""

    async def send(self, item: CaptionItem) -> bool:
        """Writes a line."""
        try:
            await write_nonblocking(self._descriptor, format_line(item, self._line_format, self._session))
        except BrokenPipeError as problem:
            raise TargetGone("nobody reads standard output any more") from problem
        except OSError as problem:
            raise TargetUnavailable(f"standard output cannot be written to: {problem.strerror}") from problem
        return True

    async def wait_closed(self) -> None:
        """Only writing would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """It stays open: it was so before us."""
