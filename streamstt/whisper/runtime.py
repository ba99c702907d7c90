"""The process and device that a model runs on: choice of the device, and return of free memory."""

import ctypes
from functools import cache
from typing import Any

import torch

from streamstt.errors import EngineError


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library
        return None


def release_free_memory() -> None:
    """Returns free heap memory to the system, if the C library can; takes about a millisecond."""
    if (release := _malloc_trim()) is not None:
        release(0)


def find_device(name: str) -> torch.device:
    """Returns the torch device for a setting.

    Args:
        name: "cpu", "cuda", "cuda:1" and so on, or "auto": CUDA if it is available, else the CPU.

    Raises:
        EngineError: CUDA is requested and not available.
    """
    cuda = torch.cuda.is_available()
    if name.startswith("cuda") and not cuda:
        raise EngineError(f"device {name!r} is set, but torch finds no CUDA; choose cpu or auto")
    return torch.device(name if name != "auto" else "cuda" if cuda else "cpu")
