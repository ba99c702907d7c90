"""What several system tests share."""

import json
from pathlib import Path

import pytest

SCRIPT = "Every word of this has been written down before. It is said again and again so that tests know it."


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    """Options that make the daemon say SCRIPT by heart, in step with the audio, every eight seconds."""
    words = [
        {"text": f" {word}", "start": 0.5 + 0.3 * i, "end": 0.75 + 0.3 * i} for i, word in enumerate(SCRIPT.split())
    ]
    file = tmp_path / "script.json"
    file.write_text(json.dumps({"words": words, "repeat_s": 8}))
    return ["--model", f"script:{file}"]
