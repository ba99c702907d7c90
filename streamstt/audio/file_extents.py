"""Extents of a file that are read as recordings of their own. Knows nothing of formats and samples."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes of a file that are read as one recording.

    Attributes:
        ranges: Start and end of each run of bytes, in order; none: what was here cannot be read.
        patches: What to read in place of the bytes at an offset of the file.
        ends_after_s: Seconds from the end of the extent before to the end of this one; what this one does not fill is
            lost. None: nothing is lost before it, or, without ranges, all that follows is.
    """

    ranges: tuple[tuple[int, int], ...]
    patches: Mapping[int, bytes] = field(default_factory=dict)
    ends_after_s: float | None = None


class ExtentReader(io.RawIOBase):
    """A file object that reads an extent as if it were a file.

    Attributes:
        error: Why the file could not be read; what could not seems to be its end.
    """

    def __init__(self, file: BinaryIO, extent: Extent) -> None:
        """Starts at the beginning of the extent.

        Args:
            file: The file, which stays open when this is closed.
            extent: What to read of it.
        """
        self.error: OSError | None = None
        self._file = file
        self._ranges, self._patches = extent.ranges, extent.patches
        self._size = sum(end - start for start, end in extent.ranges)
        self._at = 0

    def seekable(self) -> bool:
        """Returns true."""
        return True

    def readable(self) -> bool:
        """Returns true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position, and returns it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = min(max(0, origin + offset), self._size)
        return self._at

    def tell(self) -> int:
        """Returns the position."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads into a buffer, and returns the number of bytes; 0 at the end."""
        count, before = 0, 0
        for start, end in self._ranges:
            skip = self._at + count - before
            if 0 <= skip < end - start:
                data = self._read(start + skip, min(end - start - skip, len(buffer) - count))
                buffer[count : count + len(data)] = data
                count += len(data)
            before += end - start
        self._at += count
        return count

    def _read(self, at: int, size: int) -> bytearray:
        try:
            data = self._read_disk(at, size)
        except OSError as error:  # libsndfile calls this, and cannot pass it on
            self.error = error
            return bytearray()
        for offset, new in self._patches.items():
            for i, byte in enumerate(new, offset - at):
                if 0 <= i < len(data):
                    data[i] = byte
        return data

    def _read_disk(self, at: int, size: int) -> bytearray:
        self._file.seek(at)
        return bytearray(self._file.read(size))
