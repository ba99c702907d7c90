"""What several system tests share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.support.daemon import write_script

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--window-size=1280,720",
]


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    """Options that make the daemon say SCRIPT by heart, in step with the audio, every eight seconds."""
    return write_script(tmp_path)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A real Chromium; at the end its console must be empty: no error, no breach of the security policy."""
    with chromium(tmp_path) as driver:
        yield driver
        # A server that is away is what the reconnect tests want; Chromium reports each attempt by itself.
        console = [entry for entry in driver.get_log("browser") if "WebSocket connection to" not in entry["message"]]
        assert console == []


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A real Chromium for pages that try what they may not; its console tells of it."""
    with chromium(tmp_path) as driver:
        yield driver


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in [*FLAGS, *flags, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    driver.set_script_timeout(90)
    try:
        yield driver
    finally:
        driver.quit()
