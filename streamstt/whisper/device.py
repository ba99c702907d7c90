"""Where the model runs."""

import torch

from streamstt.errors import EngineError


def find_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one.

    Raises:
        EngineError: There is no such device.
    """
    cuda = torch.cuda.is_available()
    if name.startswith("cuda") and not cuda:
        raise EngineError(f"device {name!r} was asked for, but torch finds no CUDA; the choices are cpu and auto")
    return torch.device(name if name != "auto" else "cuda" if cuda else "cpu")
