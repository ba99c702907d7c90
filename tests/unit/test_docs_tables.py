"""Tables of the documentation say what the code does: tests by their names, and settings."""

import re

from streamstt.config.changes import FIXED_SETTINGS, LIVE_SETTINGS
from streamstt.engine.scripted import Script
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


def test_reloadable_settings() -> None:
    """docs/service.md lists exactly the settings that a reload applies."""
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    table = page.partition("| reloaded | takes effect |\n|---|---|\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1].partition(", not ") for row in table.splitlines()]
    applied = [name for live, _, _ in cells for name in re.findall(r"`([\w.]+)`", live)]
    fixed = [name for _, _, rest in cells for name in re.findall(r"`([\w.]+)`", rest)]
    assert sorted(applied) == sorted(LIVE_SETTINGS)
    assert sorted(fixed) == sorted(FIXED_SETTINGS)


def test_script() -> None:
    """The script in docs/settings.md can be played, and its table has every field."""
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").partition("script:FILE")[2]
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert Script.model_validate_json(example).words
    table = text.partition("| field | meaning |")[2].partition("\n\n")[0]
    fields = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(fields) == sorted(Script.model_fields)
