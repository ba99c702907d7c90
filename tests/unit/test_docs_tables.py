"""docs/faults.md and docs/tools.md say which test does what: each has to be there."""

import re

from tests.support.paths import ROOT


def test_every_named_test_exists() -> None:
    """A fault is in the table only if a test does it."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "faults.md").read_text())
    assert len(named) > 30
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / "system" / file).read_text(), f"{file}::{test}"


def test_every_tool_has_its_test() -> None:
    """A tool is in the table only if a test uses it."""
    page = (ROOT / "docs" / "tools.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    known = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)`", row.rstrip("|").rpartition("|")[2])
        assert named, row
        assert set(named) <= known, row
