"""Lines to a descriptor whose reader may be slow, may hang or may be gone; the event loop never waits for it."""

import asyncio
import os
import select

ATOMIC = select.PIPE_BUF  # bytes: where so many fit, a write of so many does not wait (pipe(7))


async def write(descriptor: int, data: bytes) -> None:
    """Writes all, waiting for room where there is none.

    Args:
        descriptor: Of a pipe, a terminal, a socket or a file, that waits for its reader or does not.
        data: One line or more.

    Raises:
        OSError: As write(2) says; part of the data may be written.
    """
    while data:
        await _room(descriptor)
        try:
            data = data[os.write(descriptor, data[:ATOMIC]) :]
        except BlockingIOError:
            await asyncio.sleep(0.05)  # some say that there is room where there is too little, and do not say when


async def _room(descriptor: int) -> None:
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
