"""Final captions on standard output, a line each."""

import asyncio
import os
from typing import Literal

from streamstt.sinks.parcel import Away, Over, Parcel
from streamstt.sinks.writing import write

STDOUT = 1


def line_of(parcel: Parcel, form: Literal["text", "json"], session: str) -> bytes:
    """A caption as a line: what was said, or the final as viewers get it, with ``label`` and ``session``."""
    line = parcel.line if form == "text" else parcel.json(session)
    return f"{line}\n".encode(errors="replace")


class Stdout:
    """A ``Target``. When its reader has gone, that is the end of it: nobody can come back to a pipe without a name."""

    def __init__(self, form: Literal["text", "json"], session: str, descriptor: int = STDOUT) -> None:
        """Takes a descriptor of its own, so that waiting for it disturbs nobody else's.

        Args:
            form: Of a line.
            session: Of the hub.
            descriptor: In place of standard output.
        """
        self._form = form
        self._session = session
        self._descriptor = os.dup(descriptor)
        self.is_open = True

    async def open(self) -> None:
        """It always is."""

    async def send(self, parcel: Parcel) -> bool:
        """Writes a line."""
        try:
            await write(self._descriptor, line_of(parcel, self._form, self._session))
        except BrokenPipeError as problem:
            raise Over("nobody reads standard output any more") from problem
        except OSError as problem:
            raise Away(f"standard output cannot be written to: {problem.strerror}") from problem
        return True

    async def lost(self) -> None:
        """Only writing would tell."""
        await asyncio.Future()

    async def close(self) -> None:
        """It stays open: it was so before us."""
