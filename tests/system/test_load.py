"""Many at once, and nonsense by the thousand: short versions of what benchmarks/viewers.py and tests/fuzzing.py do."""

import json
import subprocess
import sys
from pathlib import Path

from fuzzing import fuzz
from running import environment

VIEWERS = Path(__file__).parents[2] / "benchmarks" / "viewers.py"


def test_stalled_viewers_delay_nobody() -> None:
    """Of a hundred viewers ten never read; the others get every final, in order, and none is closed."""
    done = subprocess.run(
        [sys.executable, VIEWERS, "--viewers", "100", "--stalled", "10", "--seconds", "9"],
        env=environment(), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["finals"] >= 2
    assert result["delivered"] >= 90 * 5
    wrong = ("viewers_that_missed_finals", "viewers_out_of_order", "viewers_closed")
    assert [result[key] for key in wrong] == [0, 0, 0]


def test_nonsense_breaks_nothing(tmp_path: Path) -> None:
    """Three thousand inputs that no client would send: no error is logged, nothing hangs, and viewers are served."""
    result = fuzz(3000, 1, tmp_path)
    assert result["opened"] > 1000, "enough of them reach what is behind the handshake"
    assert result["late_mb"] < result["early_mb"] + 80
