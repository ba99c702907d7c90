"""What a running daemon says of itself, in one line."""

import json
from typing import Any

import pytest

from streamstt.diagnostics.probes import _parse_health

ENGINE = {"auto": True, "update_s": 0.452, "promised_s": 0.161, "interval_s": 0.75, "sources": 1}


@pytest.mark.parametrize(
    ("health", "line"),
    [
        ({"status": "ready", "why": []}, "ready"),
        ({"status": "degraded", "why": ["mic is not there."]}, "degraded: mic is not there."),
        ({"status": "ready", "why": [], "model": "base"}, "ready; model base"),
        (
            {"status": "ready", "why": [], "model": "base", "engine": ENGINE},
            "ready; model base (auto), an update takes 452 ms (161 ms promised), fast enough for 1 source",
        ),
        (
            {"status": "ready", "model": "small", "engine": {"auto": False, "promised_s": 0.3, "sources": 2}},
            "ready; model small, fast enough for 2 sources",
        ),
        ({"why": []}, ""),
        ({"status": "ready", "model": "base", "engine": 3}, ""),
        ([], ""),
    ],
)
def test_health_in_a_line(health: Any, line: str) -> None:
    """Status and reasons, then the model and its present speed; nothing of a program that is not ours."""
    assert _parse_health(json.dumps(health).encode()) == line
