"""Reads transcripts, checks them, and makes disks refuse to store more."""

import json
import os
import re
import resource
import subprocess
from pathlib import Path
from typing import Any, Protocol

import webvtt

from tests.support import guardian

FULL = 2**20  # bytes at a time, until the disk is full


def finals(folder: Path, name: str = "*") -> list[dict[str, Any]]:
    """Returns the finals in the records of a folder, in order; every line must be JSON.

    Args:
        folder: Where the transcripts are.
        name: Of one record, without suffix; otherwise all are read.
    """
    lines = [json.loads(line) for file in folder.glob(f"{name}.jsonl") for line in file.read_bytes().splitlines()]
    return sorted((line for line in lines if line["type"] == "final"), key=lambda line: int(line["seq"]))


def check_readable(folder: Path, *, whole: bool = True) -> None:
    """Checks that each set has its four files, that they can be parsed, and that they have the same words.

    Args:
        folder: Where the transcripts are.
        whole: Otherwise, the text files may end early.
    """
    for record in folder.glob("*.jsonl"):
        kept = [json.loads(line) for line in record.read_bytes().splitlines()]
        assert kept[0]["type"] == "mark"
        assert record.stat().st_mode & 0o077 == 0, "only the owner can read transcripts"
        recorded = [line for line in kept if line["type"] == "final"]
        labeled, shown = [], {""}
        for line in kept:
            if line["type"] == "labels":
                shows_labels = line["shown"]
            elif line["type"] == "final":
                labeled.append(f"{line['label']}: {line['text']}" if shows_labels else line["text"])
                shown |= {line["label"]} if shows_labels else set()
        subtitles, captions = (webvtt.from_srt(record.with_suffix(".srt")), webvtt.read(record.with_suffix(".vtt")))
        numbers = re.findall(r"^(\d+)\n\d+:", record.with_suffix(".srt").read_text(), re.MULTILINE)
        assert numbers == [str(number) for number in range(1, len(subtitles) + 1)]
        lines = record.with_suffix(".txt").read_text().splitlines()
        texts = [line["text"] for line in recorded]
        pairs = (([cue.text for cue in subtitles], labeled), ([cue.text for cue in captions], texts), (lines, labeled))
        for actual, expected in pairs:
            words = " ".join(actual).split()
            assert words == " ".join(expected).split()[: None if whole else len(words)]
        assert {cue.voice or "" for cue in captions} <= shown
        assert len(lines) == len(labeled) or not whole


class DiskFault(Protocol):
    """A disk on which nothing can be written from ``begin`` to ``end``; ``reason`` is the system's error message."""

    folder: Path
    reason: str

    def begin(self, process: int) -> None: ...

    def end(self, process: int) -> None: ...


class FullDisk:
    """A small file system of its own (tmpfs), filled to the last byte."""

    reason = "No space left on device"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @staticmethod
    def mount(folder: Path) -> bool:
        """Mounts the file system, and returns whether this user may do so; the guardian unmounts it by its name."""
        command = ["mount", "-t", "tmpfs", "-o", "size=64k", guardian.mark() or "streamstt-test", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def begin(self, process: int) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * FULL):
                    pass
            except OSError:
                pass

    def end(self, process: int) -> None:
        self._filler.unlink()


class LimitedFiles:
    """The kernel's limit on the size of files that the process writes."""

    reason = "File too large"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def begin(self, process: int) -> None:
        size = max(file.stat().st_size for file in self.folder.iterdir()) + 100  # so that a line is cut in the middle
        self._before = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, self._before[1]))

    def end(self, process: int) -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, self._before)


class FolderMoved:
    """The folder is moved away, as if a disk were removed, and put back."""

    reason = "No such file or directory"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, process: int) -> None:
        os.rename(self.folder, self.folder.with_name("away"))

    def end(self, process: int) -> None:
        os.rename(self.folder.with_name("away"), self.folder)
