"""A part of torch that no code of ours needs is replaced by an empty module, until somebody needs it."""

import sys
from types import ModuleType

import pytest

from streamstt.whisper.torch_import import META, skip_unused_parts


def test_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch finds an empty module in its place."""
    monkeypatch.delitem(sys.modules, META, raising=False)
    skip_unused_parts()
    assert [name for name in dir(sys.modules[META]) if not name.startswith("__")] == []


def test_what_is_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch was imported before, nothing changes."""
    real = ModuleType(META)
    monkeypatch.setitem(sys.modules, META, real)
    skip_unused_parts()
    assert sys.modules[META] is real
