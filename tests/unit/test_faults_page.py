"""docs/faults.md says which test does what to the daemon: each has to be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_test_exists() -> None:
    """A fault is in the table only if a test does it."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / "system" / file).read_text(), f"{file}::{test}"
