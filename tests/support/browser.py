"""A real Chromium: started, sized, watched and read. What the pages show is none of its business."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
WITHIN_S = 90

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
# Chromium reports each failed connection by itself; a server that stops or restarts is part of many tests.
UNREACHABLE = ("WebSocket connection to", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET")


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """Starts a browser with an empty profile.

    Args:
        folder: Where the profile is stored.
        flags: More options of its command line.
    """
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in [*FLAGS, *flags, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    driver.set_script_timeout(WITHIN_S)
    try:
        yield driver
    finally:
        driver.quit()


def forget_visits(browser: webdriver.Chrome) -> None:
    """Leaves the page and deletes cookies and cache, as if nobody had used the browser before.

    What pages store is kept for each origin, and every test's server is an origin of its own.
    """
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})


def set_viewport(browser: webdriver.Chrome, width: int, height: int) -> None:
    """Sets the size of the page in CSS pixels."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def set_media(browser: webdriver.Chrome, **features: str) -> None:
    """Sets the media features that a page can query, such as ``prefers_reduced_motion="reduce"``; resets the others."""
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def console_messages(browser: webdriver.Chrome, *ignored: str) -> list[str]:
    """Returns what was logged in the console since the last call, without messages that contain an ``ignored`` text."""
    messages = [entry["message"] for entry in browser.get_log("browser")]
    return [message for message in messages if not any(text in message for text in ignored)]


def until_equal(browser: webdriver.Chrome, script: str, expected: Any) -> None:
    """Waits until a script returns the expected value."""
    until(browser, script, lambda value: value == expected, f"expected {expected!r}")


def until(browser: webdriver.Chrome, script: str, accepts: Callable[[Any], object], message: str) -> None:
    """Waits until a script returns a value that ``accepts`` finds true.

    Raises:
        AssertionError: It did not in time; has the message and the last value.
    """
    last: list[Any] = []

    def check(driver: webdriver.Chrome) -> object:
        try:
            last[:] = [driver.execute_script(script)]
        except JavascriptException as error:  # an element that the script reads does not exist yet
            last[:] = [error.msg]
            return False
        return accepts(last[0])

    try:
        WebDriverWait(browser, WITHIN_S, poll_frequency=0.05).until(check)
    except Exception as error:
        raise AssertionError(f"{message}, the page has {last!r}") from error


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colors written as ``rgb(r, g, b)``, from 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Relative luminance of ``rgb(r, g, b)``, from 0 to 1 (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
