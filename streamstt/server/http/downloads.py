"""Downloads of the captions: rendered by another process, one at a time, and shared by all who want the same.

The process writes into a temporary file, from which each client is sent its copy while the file grows.
"""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from streamstt.concurrency import run_in_thread
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message
from streamstt.server.http.request import HttpRequest
from streamstt.server.http.response import Download, HttpError
from streamstt.server.http.session import SessionRecords, belongs_to_set
from streamstt.subtitles.formats import CONTENT_TYPES
from streamstt.transcripts.archive import SessionSet

IMPORT_ROOT = Path(__file__).parents[3]  # the folder of the package, however this process found it
CHUNK = 2**16  # bytes that are sent at once
COMPLETE_S = 5.0  # a client waits this long for the whole file, and knows its size then; else it is sent what there is
POLL_S = 0.1  # how often a client that has been sent all there is looks for more
KEEP_S = 60.0  # how long a file is kept after its last reader
MAX_FILES = 16  # slow clients may each be reading another state of the captions; with more, clients are refused

log = logging.getLogger(__name__)


class Rendering:
    """A file that is complete, is being written, or waits to be.

    Attributes:
        version: Which captions are in it; None: it waits, and will have those that there are then.
        file: The file; None: it waits.
        readers: Number of clients that wait for the file or are sent it.
        ended: Set when nothing more will be written.
        is_complete: Whether it has all captions of this version.
    """

    def __init__(self) -> None:
        """Waits to be written."""
        self.version: object = None
        self.file: BinaryIO | None = None
        self.readers = 0
        self.ended = asyncio.Event()
        self.is_complete = False

    @property
    def has_failed(self) -> bool:
        """Whether nothing more will be written, though it is not complete."""
        return self.ended.is_set() and not self.is_complete

    @property
    def size(self) -> int | None:
        """Size of the complete file in bytes; None: it is not complete."""
        return os.fstat(self.file.fileno()).st_size if self.file and self.ended.is_set() else None

    async def wait_ended(self, timeout_s: float) -> None:
        """Waits until nothing more will be written, but not longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.ended.wait()

    async def read(self) -> AsyncIterator[bytes]:
        """Yields the file in pieces, as soon as they are written."""
        offset = 0
        while True:
            is_last = self.ended.is_set()  # asked before reading: nothing is written after that
            data = await run_in_thread(os.pread, self.file.fileno(), CHUNK, offset) if self.file else b""
            offset += len(data)
            if data:
                yield data
            elif is_last:
                return
            else:
                await self.wait_ended(POLL_S)


class Downloads:
    """Sends files with the captions; at most one is being written at a time."""

    def __init__(self, hub: Hub, records: SessionRecords | None) -> None:
        """Starts without files.

        Args:
            hub: Where captions are published.
            records: The transcripts; None: none are kept.
        """
        self._hub = hub
        self._records = records
        self._newest: dict[Download, Rendering] = {}
        self._tasks: dict[Rendering, asyncio.Task[None]] = {}  # of each that has a file, or will
        self._turn = asyncio.Lock()

    async def send(self, download: Download, request: HttpRequest) -> None:
        """Sends a file as it is at this moment.

        Raises:
            HttpError: It cannot be made, or there are too many.
            ConnectionError: The client has left, or does not read; or the file cannot be completed.
        """
        with self._reading(self._find(download)) as rendering:
            await rendering.wait_ended(COMPLETE_S)
            if rendering.has_failed:
                raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "the file could not be made; see the daemon's log")
            await request.start_stream(CONTENT_TYPES[download.file_format], rendering.size)
            if request.method != "HEAD":
                async for piece in rendering.read():
                    await request.send(piece)
            if rendering.has_failed:
                raise ConnectionError("the file could not be completed")
            await request.end()

    async def close(self) -> None:
        """Stops what is being written."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for rendering in list(self._tasks):
            self._discard(rendering)

    def _find(self, download: Download) -> Rendering:
        """Returns a file with the present captions: one that there is, or a new one.

        Raises:
            HttpError: There are too many files.
        """
        newest, present = self._newest.get(download), {None, self._version}
        if newest and not newest.has_failed and newest.version in present:
            return newest
        for outdated in [r for r in self._tasks if not r.readers and r.version not in present]:
            self._discard(outdated)
        if len(self._tasks) >= MAX_FILES:
            text = "too many downloads are in progress; try again in a moment"
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "10"})
        rendering = self._newest[download] = Rendering()
        self._tasks[rendering] = asyncio.create_task(self._render(rendering, download))
        return rendering

    @property
    def _version(self) -> tuple[tuple[str, int, int], Sequence[SessionSet]]:
        """The captions that there are now: it changes whenever they do."""
        return self._hub.finals_version, self._records.session_sets if self._records else ()

    @contextmanager
    def _reading(self, rendering: Rendering) -> Iterator[Rendering]:
        """Keeps a file while a client is sent it."""
        rendering.readers += 1
        try:
            yield rendering
        finally:
            rendering.readers -= 1
            if rendering in self._newest.values():
                asyncio.get_running_loop().call_later(KEEP_S, self._expire, rendering)
            elif not rendering.readers:
                self._discard(rendering)

    def _expire(self, rendering: Rendering) -> None:
        if not rendering.readers and rendering.ended.is_set():
            self._discard(rendering)

    def _discard(self, rendering: Rendering) -> None:
        """Removes a file that has no readers."""
        task = self._tasks.pop(rendering, None)
        if task:
            task.cancel()
        self._newest = {download: newest for download, newest in self._newest.items() if newest is not rendering}
        if rendering.file:
            rendering.file.close()

    async def _render(self, rendering: Rendering, download: Download) -> None:
        """Writes a file when its turn has come."""
        try:
            async with self._turn:
                rendering.version = (session, _, until), sets = self._version
                finals = self._hub.finals
                if download.current_set:
                    sets = sets[-1:]
                    finals = [final for final in finals if all(belongs_to_set(final, s.header) for s in sets)]
                current = sets[-1].header if download.current_set and sets else None
                source, target = await run_in_thread(_open_files, finals)
                rendering.file = target
                with source:
                    numbers = [str(current.seq if current else 0), str(until)]
                    zero = str(current.steady_at.timestamp()) if current else ""
                    paths = [str(session_set.record) for session_set in sets]
                    await _export(source, target, [download.file_format, session, *numbers, zero, *paths])
            rendering.is_complete = True
        except (OSError, RuntimeError) as error:
            log.error("a download could not be made: %s", error)
        finally:
            rendering.ended.set()


def _open_files(finals: Sequence[Message]) -> tuple[BinaryIO, BinaryIO]:
    """Opens a temporary file with finals, one on a line, and an empty one."""
    source = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    for message in finals:
        source.write(f"{message.text}\n".encode())
    source.seek(0)
    return source, tempfile.TemporaryFile()


async def _export(source: BinaryIO, target: BinaryIO, arguments: Sequence[str]) -> None:
    """Runs ``transcripts.export``.

    Raises:
        OSError: The process cannot be started.
        RuntimeError: It has failed.
    """
    path = os.pathsep.join(p for p in (str(IMPORT_ROOT), os.environ.get("PYTHONPATH", "")) if p)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streamstt.transcripts.export",
        *arguments,
        env=os.environ | {"PYTHONPATH": path},
        stdin=source,
        stdout=target,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = errors.decode(errors="replace").split("\n")
        raise RuntimeError(f"exit status {process.returncode}: {(' '.join(lines[-2:])).strip()}")
