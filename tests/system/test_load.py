"""Many viewers, and thousands of invalid inputs: short runs of benchmarks/viewers.py and tests/fuzzing.py."""

import json
import re
import subprocess
import sys

from tests.support.daemon import environment
from tests.support.paths import ROOT

VIEWERS = ROOT / "benchmarks" / "viewers.py"


def test_stalled_viewers_delay_nobody() -> None:
    """Of a hundred viewers, ten never read; the others receive every final, in order, and none is disconnected."""
    done = subprocess.run(
        [sys.executable, VIEWERS, "--viewers", "100", "--stalled", "10", "--seconds", "9"],
        env=environment(), capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["finals"] >= 2
    assert result["delivered"] >= 90 * 5
    faults = ("viewers_that_missed_finals", "viewers_out_of_order", "viewers_closed")
    assert [result[key] for key in faults] == [0, 0, 0]


def test_invalid_input_breaks_nothing() -> None:
    """Fifteen hundred fuzzed inputs: no error, nothing hangs or grows, viewers are served."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzzing", "1500", "--seed", "1"],
        cwd=ROOT, env=environment(), capture_output=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    *_, last, verdict = done.stdout.decode().splitlines()
    opened = re.match(r"\s*1500 inputs, (\d+) opened", last)
    assert opened, last
    assert int(opened[1]) > 500, "enough of them get beyond the handshake"
    assert verdict.startswith("No errors.")
