"""The links between the pages of the documentation."""

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "ARCHITECTURE")]
PAGES = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each link to a file of the project finds it, and the heading in it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, target


def test_every_page_is_found() -> None:
    """The README leads to every page, some by way of others."""
    known, new = set(), {ROOT / "README.md"}
    while new:
        known |= new
        links = {
            (page.parent / target.partition("#")[0]).resolve()
            for page in new
            for target in re.findall(r"\]\(([^)\s:]+)\)", page.read_text(encoding="utf-8"))
        }
        new = {page for page in links if page.suffix == ".md"} - known
    assert set(PAGES) <= known
