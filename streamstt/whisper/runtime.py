"""Where the model runs."""

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
    """Returns free memory to the system, where the C library can; takes about a millisecond."""
    if (release := _malloc_trim()) is not None:
        release(0)


def find_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one.

    Raises:
        EngineError: There is no such device.
    """
    cuda = torch.cuda.is_available()
    if name.startswith("cuda") and not cuda:
        raise EngineError(f"device {name!r} was asked for, but torch finds no CUDA; the choices are cpu and auto")
    return torch.device(name if name != "auto" else "cuda" if cuda else "cpu")
