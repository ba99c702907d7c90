"""Rules for the tests themselves."""

import re
import subprocess
import sys

from tests.support.paths import ROOT


def test_no_unit_test_imports_torch() -> None:
    """They can be collected where torch cannot be imported, so that they take seconds."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.no_torch", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--collect-only", "--quiet", "tests/unit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_test_module_imports_another() -> None:
    """What they share is in tests/support."""
    importing = re.compile(r"^\s*(from|import) tests\.(unit|model|system)\b", re.MULTILINE)
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if importing.search(path.read_text())] == []
