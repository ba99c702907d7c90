"""Transcripts as their readers find them, and disks that take no more."""

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
    """The finals in one record of a folder, or in all, in their order; every line must be JSON."""
    lines = [json.loads(line) for file in folder.glob(f"{name}.jsonl") for line in file.read_bytes().splitlines()]
    return sorted((line for line in lines if line["type"] == "final"), key=lambda line: int(line["seq"]))


def check_readable(folder: Path, *, whole: bool = True) -> None:
    """Every set has its four files, which can be read and say the same; if not whole, as far as they go."""
    for record in folder.glob("*.jsonl"):
        kept = [json.loads(line) for line in record.read_bytes().splitlines()]
        assert kept[0]["type"] == "mark"
        assert record.stat().st_mode & 0o077 == 0, "nobody else reads what was said"
        spoken = [line for line in kept if line["type"] == "final"]
        said = [shown(line) for line in spoken]
        subtitles, captions = (webvtt.from_srt(record.with_suffix(".srt")), webvtt.read(record.with_suffix(".vtt")))
        numbers = re.findall(r"^(\d+)\n\d+:", record.with_suffix(".srt").read_text(), re.MULTILINE)
        assert numbers == [str(number) for number in range(1, len(subtitles) + 1)]
        lines = record.with_suffix(".txt").read_text().splitlines()
        texts = [line["text"] for line in spoken]
        whose = (([cue.text for cue in subtitles], said), ([cue.text for cue in captions], texts), (lines, said))
        for told, meant in whose:
            words = " ".join(told).split()
            assert words == " ".join(meant).split()[: None if whole else len(words)]
        assert {cue.voice or "" for cue in captions} <= {line.get("label", "") for line in spoken}
        assert len(lines) == len(said) or not whole


def shown(final: dict[str, Any]) -> str:
    """A final as text files have it."""
    return f"{final['label']}: {final['text']}" if "label" in final else str(final["text"])


class DiskFault(Protocol):
    """A disk that takes nothing until ``end``."""

    folder: Path
    reason: str

    def begin(self, process: int) -> None: ...

    def end(self, process: int) -> None: ...


class FullDisk:
    """A small disk of its own (tmpfs), filled to the last byte; without the right to mount one, a limit on files."""

    reason = "No space left on device"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @staticmethod
    def mount(folder: Path) -> bool:
        """Whether this machine lets us. It is unmounted when the test's process ends, by its name."""
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
    """No file may become longer than what is there, by the kernel's limit on the process."""

    reason = "File too large"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def begin(self, process: int) -> None:
        size = max(file.stat().st_size for file in self.folder.iterdir()) + 100  # in the middle of a line
        self._before = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, self._before[1]))

    def end(self, process: int) -> None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, self._before)


class FolderMoved:
    """The folder is taken away, as when a disk is pulled out, and put back."""

    reason = "No such file or directory"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, process: int) -> None:
        os.rename(self.folder, self.folder.with_name("away"))

    def end(self, process: int) -> None:
        os.rename(self.folder.with_name("away"), self.folder)
