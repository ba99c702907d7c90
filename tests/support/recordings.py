"""Recordings of known sound, read as a source reads them."""

import io
import re
import threading
from pathlib import Path

import numpy as np
import soundfile

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.sources import AudioFile
from streamstt.errors import SourceError

LENGTH = 8 * SAMPLE_RATE


def sweep(length: int = LENGTH) -> Samples:
    t = np.arange(length) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * (100 * t + 60 * t * t))).astype(np.float32)


def noise() -> Samples:
    """Sound of which each part is unlike all others, and that coders keep."""
    rng = np.random.default_rng(3)
    return np.repeat(rng.uniform(-0.3, 0.3, LENGTH // 16), 16).astype(np.float32)


def encode(kind: str, subtype: str, sound: Samples | None = None, rate: int = SAMPLE_RATE) -> bytearray:
    buffer = io.BytesIO()
    soundfile.write(buffer, sweep() if sound is None else sound, rate, format=kind, subtype=subtype)
    return bytearray(buffer.getvalue())


def read(path: Path, data: bytes, block_s: float = 1.0) -> tuple[Samples, str]:
    """Writes a file, reads all of it, and returns the problem that it ends with."""
    path.write_bytes(data)
    return read_file(AudioFile(path, fast=True, block_s=block_s))


def read_file(source: AudioFile) -> tuple[Samples, str]:
    """Reads all of a file, and returns the problem that it ends with."""
    source.open()
    pieces, problem = [np.zeros(0, np.float32)], ""
    try:
        while block := source.read(threading.Event()):
            pieces.append(block.samples)
    except SourceError as error:
        problem = str(error)
    finally:
        source.close()
    return np.concatenate(pieces), problem


def spans(problem: str) -> list[tuple[float, float | None]]:
    """The damages that a sentence names."""
    found = re.findall(r"from ([\d.]+) s to (?:([\d.]+) s|its end)", problem)
    return [(float(start), float(end) if end else None) for start, end in found]


def correlation(sound: Samples, at_s: float) -> float:
    """How alike half a second of what was read and of the original are, up to 0.1 s apart, from a time on."""
    at, size, shift = round(at_s * SAMPLE_RATE), SAMPLE_RATE // 2, SAMPLE_RATE // 10
    original, piece = noise()[at : at + size], sound[at - shift : at + size + shift]
    found = np.correlate(piece, original, "valid")
    return float(np.abs(found).max() / np.sum(original**2))
