"""Final captions to programs on this machine: one line each, on standard output or in a named pipe."""

import asyncio
import errno
import os
import select
import stat
from pathlib import Path
from typing import Literal

from streamstt.errors import OutputError
from streamstt.outputs.base import CaptionItem, TargetGone, TargetUnavailable

MAX_ATOMIC_WRITE = select.PIPE_BUF  # bytes: a pipe that is ready for writing takes this much without blocking (pipe(7))


async def write_nonblocking(descriptor: int, data: bytes) -> None:
    """Writes all data without blocking the event loop, whether the descriptor is in blocking mode or not.

    Args:
        descriptor: File descriptor of a pipe, a terminal, a socket or a file.
        data: One line or more.

    Raises:
        OSError: write(2) failed; part of the data may have been written.
    """
    while data:
        await _wait_writable(descriptor)
        try:
            data = data[os.write(descriptor, data[:MAX_ATOMIC_WRITE]) :]
        except BlockingIOError:
            await asyncio.sleep(0.05)  # some are reported as ready with too little space, and not again later


async def _wait_writable(descriptor: int) -> None:
    """Waits until the descriptor is writable, or its reader has closed it."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(descriptor, ready.set)
    except PermissionError:
        return  # a regular file, which is always writable
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)


def ensure_pipe(path: Path) -> None:
    """Creates the named pipe, for its owner only, if it does not exist.

    Raises:
        OutputError: It cannot be created, or the path is something else.
    """
    try:
        if not os.path.lexists(path):
            os.mkfifo(path, 0o600)
        mode = path.stat().st_mode
    except OSError as error:
        raise OutputError(f"cannot create the pipe {path} (output.pipe): {error.strerror}") from error
    if not stat.S_ISFIFO(mode):
        raise OutputError(f"{path} (output.pipe) exists and is not a pipe: remove it, or choose another path")


class Pipe:
    """A ``Target``: a named pipe, which is open only while a program reads it."""

    def __init__(self, path: Path, line_format: Literal["text", "json"], session: str) -> None:
        """Starts closed; ``send`` opens the pipe.

        Args:
            path: Path of the pipe.
            line_format: Format of a line.
            session: Session of the hub.
        """
        self._path = path
        self._line_format = line_format
        self._session = session
        self._descriptor: int | None = None
        self.is_open = True  # whether there is a reader is checked with each line

    async def open(self) -> None:
        """Does nothing; ``send`` opens the pipe."""

    async def send(self, item: CaptionItem) -> bool:
        """Writes a line; returns False if no program reads the pipe."""
        descriptor = self._descriptor if self._descriptor is not None else self._open_if_read()
        if descriptor is None:
            return False
        try:
            await write_nonblocking(descriptor, format_line(item, self._line_format, self._session))
        except BrokenPipeError:
            self._close_pipe()
            return False
        except OSError as error:
            self._close_pipe()
            raise TargetUnavailable(f"the pipe cannot be written to: {error.strerror}") from error
        return True

    def _open_if_read(self) -> int | None:
        """Opens the pipe; returns None if no program reads it."""
        try:
            ensure_pipe(self._path)  # it may have been removed
            # O_NONBLOCK: otherwise opening a pipe for writing blocks until there is a reader.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OutputError as error:
            raise TargetUnavailable(str(error)) from error
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            raise TargetUnavailable(f"the pipe cannot be opened: {error.strerror}") from error
        self._descriptor = descriptor
        # The descriptor becomes readable when the last reader has closed the pipe. Closing ours discards what was left
        # unread; otherwise the next reader could start within a line.
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
        """Never returns: the pipe is opened again by the next ``send``."""
        await asyncio.Future()

    async def close(self) -> None:
        """Closes the descriptor; the pipe stays, as readers may wait for the next run."""
        self._close_pipe()


STDOUT_FD = 1


def format_line(item: CaptionItem, line_format: Literal["text", "json"], session: str) -> bytes:
    """Formats a caption as a line: its text, or the final as JSON with ``label`` and ``session``."""
    line = item.labeled_text if line_format == "text" else item.json(session)
    return f"{line}\n".encode(errors="replace")


class Stdout:
    """A ``Target``: standard output. When its reader has gone, so is the target: nothing else can open that pipe."""

    def __init__(self, line_format: Literal["text", "json"], session: str, descriptor: int = STDOUT_FD) -> None:
        """Duplicates the descriptor, so that the event loop can watch it independently of other users.

        Args:
            line_format: Format of a line.
            session: Session of the hub.
            descriptor: File descriptor to write to.
        """
        self._line_format = line_format
        self._session = session
        self._descriptor = os.dup(descriptor)
        self.is_open = True

    async def open(self) -> None:
        """Does nothing; standard output is always open."""

    async def send(self, item: CaptionItem) -> bool:
        """Writes a line; returns True."""
        try:
            await write_nonblocking(self._descriptor, format_line(item, self._line_format, self._session))
        except BrokenPipeError as error:
            raise TargetGone("the reader of standard output has gone") from error
        except OSError as error:
            raise TargetUnavailable(f"standard output cannot be written to: {error.strerror}") from error
        return True

    async def wait_closed(self) -> None:
        """Never returns: only a write shows that the reader has gone."""
        await asyncio.Future()

    async def close(self) -> None:
        """Does nothing: standard output belongs to the process."""
