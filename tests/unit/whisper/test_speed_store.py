"""Measured speeds are remembered, for each machine of its own; a damaged file is no more than an empty one."""

from pathlib import Path

import pytest

from streamstt.whisper import speed_store
from streamstt.whisper.speed_store import SpeedStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "speed.json"


def test_it_remembers(path: Path) -> None:
    """By machine and model."""
    SpeedStore(path, "one").set_update_s("base", 0.16)
    SpeedStore(path, "one").set_update_s("small", 0.5)
    SpeedStore(path, "two").set_update_s("base", 0.3)
    first = SpeedStore(path, "one")
    assert (first.update_s("base"), first.update_s("small"), first.update_s("tiny")) == (0.16, 0.5, None)
    assert SpeedStore(path, "two").update_s("base") == 0.3
    assert [p.name for p in path.parent.iterdir()] == ["speed.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"one": 3}', b'{"one": {"base": "fast"}}', b"\xff"])
def test_a_damaged_file(path: Path, content: bytes) -> None:
    """It is as if nothing had been measured, and is repaired by the next measurement."""
    path.parent.mkdir()
    path.write_bytes(content)
    store = SpeedStore(path, "one")
    assert store.update_s("base") is None
    assert not store.hub_failed("https://hub")
    store.set_update_s("base", 0.2)
    assert store.update_s("base") == 0.2


def test_an_unwritable_file(path: Path) -> None:
    """Nothing is remembered, and nothing fails."""
    path.parent.write_text("not a folder")
    store = SpeedStore(path, "one")
    store.set_update_s("base", 0.2)
    assert store.update_s("base") is None


def test_a_hub_that_is_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again after an hour, and another one at once."""
    store = SpeedStore(path, "one")
    store.set_hub_failed("https://hub")
    assert store.hub_failed("https://hub")
    assert not store.hub_failed("https://mirror")
    monkeypatch.setattr(speed_store, "HUB_RETRY_S", 0.0)
    assert not store.hub_failed("https://hub")
