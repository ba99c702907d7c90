"""Which parts of torch are imported. Imports nothing heavy itself."""

import sys
from importlib import import_module
from types import ModuleType

META = "torch._meta_registrations"
"""What torch imports only for its effect: it teaches the shapes of results to tensors without data, for torch.compile
and for programs that build a model before its weights are there. With all that it needs, it takes 18 MB, and a quarter
of the time in which torch is imported."""


def skip_unused_parts() -> None:
    """Has torch imported without ``META``; no effect if torch is imported already.

    For programs of our own only: others that use this package may need all of torch.
    """
    sys.modules.setdefault(META, ModuleType(META))


def import_all_parts() -> None:
    """Imports all of torch, for code that is not ours."""
    module = sys.modules.get(META)
    if module and module.__spec__ is None:  # the empty one
        del sys.modules[META]
    import_module(META)
