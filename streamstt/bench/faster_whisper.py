"""Transcribes a recording with faster-whisper, for comparison. Only this module imports faster_whisper."""

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamstt.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FileTranscript:
    """A program's transcript of a recording.

    Attributes:
        program: Name, and version of another program.
        text: The transcript.
        cpu_s: CPU seconds it took, without loading the model.
    """

    program: str
    text: str
    cpu_s: float


def require_faster_whisper() -> str:
    """Returns faster-whisper's name and version.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return f"faster-whisper {version('faster-whisper')}"
    except PackageNotFoundError as error:
        raise ConfigError("faster-whisper is not installed; pip install 'streamstt[bench]'") from error


def find_model(model: str) -> str:
    """Returns the name or folder of a model, after faster-whisper has fetched it if necessary.

    Raises:
        ConfigError: The model, or faster-whisper itself, is not available.
    """
    require_faster_whisper()
    from faster_whisper import download_model  # noqa: PLC0415 - an optional dependency

    if Path(model).is_dir():
        return model
    try:
        return str(download_model(model))
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"faster-whisper cannot find {model!r}: {error}; set a model that it can fetch, or a CTranslate2 folder"
        ) from error


def run_faster_whisper(path: Path, model: str, language: str | None, threads: int) -> FileTranscript:
    """Transcribes a file with faster-whisper in int8, with greedy decoding.

    Args:
        path: The recording.
        model: Name, or CTranslate2 folder.
        language: Language code, or None to detect it.
        threads: CPU threads.

    Raises:
        ConfigError: faster-whisper is not installed, or cannot load the model.
    """
    program = require_faster_whisper()
    from faster_whisper import WhisperModel  # noqa: PLC0415 - an optional dependency

    try:
        loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"faster-whisper cannot load {model!r}: {error}; set a model that it can fetch, or a CTranslate2 folder"
        ) from error
    start = time.process_time()
    segments, _ = loaded.transcribe(str(path), language=language, beam_size=1)
    text = " ".join(segment.text.strip() for segment in segments)
    return FileTranscript(program, text, time.process_time() - start)
