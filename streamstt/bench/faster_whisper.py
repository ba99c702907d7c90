"""The same recording through another program, to compare with. The only place that imports faster_whisper."""

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamstt.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FileTranscript:
    """What a program made of a recording, and for how many processor seconds."""

    program: str
    text: str
    cpu_s: float


def require_faster_whisper() -> str:
    """Its name and version.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return f"faster-whisper {version('faster-whisper')}"
    except PackageNotFoundError as error:
        raise ConfigError("faster-whisper is not installed; pip install 'streamstt[bench]'") from error


def find_model(model: str) -> str:
    """The folder of a model, which faster-whisper fetches if need be.

    Raises:
        ConfigError: It, or faster-whisper, is not to be had.
    """
    require_faster_whisper()
    from faster_whisper import download_model  # noqa: PLC0415 - an extra

    if Path(model).is_dir():
        return model
    try:
        return str(download_model(model))
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"faster-whisper does not find {model!r}: {error}; name one that it can fetch, or a CTranslate2 folder"
        ) from error


def run_faster_whisper(path: Path, model: str, language: str | None, threads: int) -> FileTranscript:
    """The whole file by faster-whisper: 8 bits, greedy; loading is not counted.

    Args:
        path: A recording.
        model: Name, or CTranslate2 folder.
        language: Code, or None to detect it.
        threads: Of its processor.

    Raises:
        ConfigError: It is not installed, or does not find the model.
    """
    program = require_faster_whisper()
    from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra

    try:
        loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"faster-whisper cannot load {model!r}: {error}; name one that it can fetch, or a CTranslate2 folder"
        ) from error
    begun = time.process_time()
    segments, _ = loaded.transcribe(str(path), language=language, beam_size=1)
    text = " ".join(segment.text.strip() for segment in segments)
    return FileTranscript(program, text, time.process_time() - begun)
