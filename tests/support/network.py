"""A network between clients and a server that can fail as real ones do: without a word to either side."""

import asyncio
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


class FailingNetwork:
    """A TCP proxy on a thread of its own. While it is down, nothing passes, and no connection is closed."""

    def __init__(self, url: str) -> None:
        """Starts between clients and the server at ``url``.

        Attributes:
            url: The address for clients.
        """
        parts = urlsplit(url)
        self._port = parts.port or 80
        self._loop = asyncio.new_event_loop()
        self._up = asyncio.Event()
        self._up.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="failing-network")
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.url = f"{parts.scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def fail(self) -> None:
        """Nothing passes any more."""
        self._loop.call_soon_threadsafe(self._up.clear)

    def recover(self) -> None:
        """New connections pass; those from before stay dead, as after a change of the network."""
        self._loop.call_soon_threadsafe(self._recover)

    def close(self) -> None:
        """Ends all connections, and the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _recover(self) -> None:
        self._up = asyncio.Event()
        self._up.set()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._connect, "127.0.0.1", 0)

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        up = self._up
        with suppress(OSError, asyncio.CancelledError):
            await up.wait()
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(_forward(reader, there_writer, up), _forward(there_reader, writer, up))
        writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: asyncio.Event) -> None:
    try:
        while data := await reader.read(65536):
            await up.wait()
            writer.write(data)
    finally:
        if up.is_set():
            writer.close()
