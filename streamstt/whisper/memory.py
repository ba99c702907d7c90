"""How much memory is free, and how much a model needs. Imports nothing heavy."""

import math
from pathlib import Path

BASE_MEMORY_MB = 350.0  # memory of the daemon without a model: Python, torch, and what captioning needs
LOAD_FACTOR = 2.0  # memory of a model while it is loaded, relative to the size of its files: 1.3, in float32 2.0
FILE_BYTES_PER_PARAMETER = 2  # in the 16-bit files that most models come in


def free_memory_mb() -> float:
    """Returns the memory available to programs (MB): of the machine, or of the container if it has less.

    Infinity where the system does not tell, as on macOS.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.inf
    free = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{what}").read_text().strip() for what in ("max", "current"))
        return min(free, (int(limit) - int(used)) / 2**20)
    except (OSError, ValueError):
        return free  # the container has no limit


def size_mb(folder: Path) -> float:
    """Returns the size of the files of a model (MB)."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6


def model_memory_mb(file_mb: float) -> float:
    """Returns the memory that a model needs while it is loaded (MB), besides ``BASE_MEMORY_MB``.

    Args:
        file_mb: Size of its files.
    """
    return LOAD_FACTOR * file_mb


def estimated_memory_mb(parameters_m: float) -> float:
    """Returns the same for a model that is not on this machine.

    Args:
        parameters_m: Millions of parameters.
    """
    return model_memory_mb(FILE_BYTES_PER_PARAMETER * parameters_m)
