"""A reader of the captions page: a browser of a certain size, and what can be seen and heard in it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np
from selenium import webdriver
from selenium.webdriver.common.by import By

from streamstt.hub.hub import Hub
from tests.system.test_pages import ScriptedDaemon, final, open_connected

AXE = files("axe_core_python").joinpath("axe.min.js").read_text()
RUN_AXE = """const done = arguments[0];
             axe.run({resultTypes: ['violations']}).then(r => done(r.violations), e => done(String(e)))"""
ALERTS = "return Array.from(document.querySelectorAll('#alerts .alert'), e => e.textContent)"


@contextmanager
def scripted() -> Iterator[ScriptedDaemon]:
    """The real hub and server, without an engine."""
    made = ScriptedDaemon()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def reading(browser: webdriver.Chrome, daemon: ScriptedDaemon) -> Iterator[webdriver.Chrome]:
    """The page as a new reader sees it, connected; at the end the console must be empty."""
    show(browser, 1280, 800)
    open_connected(browser, daemon.url)
    yield browser
    browser.get("about:blank")  # what it may still be loading would be missed when the daemon ends
    console = [entry for entry in browser.get_log("browser") if "WebSocket connection to" not in entry["message"]]
    assert console == []


def show(browser: webdriver.Chrome, width: int, height: int, scheme: str = "light", **media: str) -> None:
    """Sets the size of the window and what the system prefers."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"prefers-color-scheme": scheme} | {key.replace("_", "-"): value for key, value in media.items()}
    features = [{"name": name, "value": value} for name, value in wanted.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def hub_of(daemon: ScriptedDaemon) -> Hub:
    return daemon._hub


@contextmanager
def sounding(daemon: ScriptedDaemon, amplitude: float, source: str = "desk") -> Iterator[None]:
    """A steady sound while it lasts."""
    sound = np.full(800, amplitude, np.float32)

    async def sing() -> None:
        while True:
            hub_of(daemon).levels.measure(source, sound, time.monotonic())
            await asyncio.sleep(0.05)

    singing = asyncio.run_coroutine_threadsafe(sing(), daemon._loop)
    try:
        yield
    finally:
        singing.cancel()


def say(daemon: ScriptedDaemon, *texts: str, source: str = "desk") -> None:
    for number, text in enumerate(texts):
        daemon.publish(final(text, f"{source}{number}", source))


def by_id(page: webdriver.Chrome, name: str) -> Any:
    return page.find_element(By.ID, name)


def findings(page: webdriver.Chrome) -> list[str]:
    """What axe-core calls serious or critical."""
    if not page.execute_script("return Boolean(window.axe)"):
        page.execute_script(AXE)
    result = page.execute_async_script(RUN_AXE)
    assert isinstance(result, list), result
    return [
        f"{found['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for found in result
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]
