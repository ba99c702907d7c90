"""Parts of the captions page, and axe-core, which judges whether a page is accessible."""

from importlib.resources import files
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By

ALERTS = "return Array.from(document.querySelectorAll('#alerts .alert'), e => e.textContent)"
AXE = files("axe_core_python").joinpath("axe.min.js").read_text()
RUN_AXE = """const done = arguments[0];
             axe.run({resultTypes: ['violations']}).then(r => done(r.violations), e => done(String(e)))"""


def by_id(page: webdriver.Chrome, name: str) -> Any:
    return page.find_element(By.ID, name)


def violations(page: webdriver.Chrome) -> list[str]:
    """Returns what axe-core finds serious or critical."""
    if not page.execute_script("return Boolean(window.axe)"):
        page.execute_script(AXE)
    result = page.execute_async_script(RUN_AXE)
    assert isinstance(result, list), result
    return [
        f"{violation['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for violation in result
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
