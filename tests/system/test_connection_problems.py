"""Pages that cannot connect say why: behind a proxy with a mistake, or when there are too many."""

import re
from contextlib import ExitStack

import pytest
from selenium import webdriver
from websockets.sync.client import connect

from tests.support.browser import until, until_equal
from tests.support.captions_page import ALERTS
from tests.support.pages import FINALS, ScriptedDaemon
from tests.support.proxy import reverse_proxy


@pytest.mark.parametrize("public", ["/live", "/live/"])
@pytest.mark.parametrize("upstream", ["", "/"], ids=["stripped", "replaced by a slash"])
def test_a_path_without_its_slash(
    unchecked_browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, public: str, upstream: str
) -> None:
    """Behind a proxy that serves the page under a path, it opens with and without the slash at the end."""
    scripted_daemon.publish_finals("One.")
    with reverse_proxy(scripted_daemon.url, prefix="/live", upstream_prefix=upstream) as address:
        unchecked_browser.get(address + public)
        until_equal(unchecked_browser, FINALS, ["One."])
        assert unchecked_browser.current_url == f"{address}/live/"
        unchecked_browser.get("about:blank")


def problem(browser: webdriver.Chrome, expected: str) -> None:
    until(browser, ALERTS, lambda texts: re.search(expected, " ".join(texts)), f"it says {expected!r}")


def test_a_proxy_without_host(unchecked_browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """If the proxy sends another Host, pages load and WebSockets are refused: the page says what to pass on."""
    with reverse_proxy(scripted_daemon.url, host=scripted_daemon.url.partition("//")[2]) as address:
        unchecked_browser.get(address)
        problem(unchecked_browser, rf"opened at {address}, .*proxy.* Host")
        unchecked_browser.get("about:blank")


def test_a_proxy_without_websockets(unchecked_browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """If the proxy does not pass WebSockets on, the page says so."""
    with reverse_proxy(scripted_daemon.url, upgrade=False) as address:
        unchecked_browser.get(address)
        problem(unchecked_browser, "WebSockets do not get through.*Upgrade")
        unchecked_browser.get("about:blank")


def test_too_many_from_one_address(unchecked_browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """With all places of an address taken, the page still loads, says why it waits, and connects when one is free."""
    limit = scripted_daemon.limits.max_per_address
    scripted_daemon.limits.max_per_address = 3
    url = scripted_daemon.url.replace("http", "ws")
    try:
        with ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(connect(f"{url}/captions"))
            unchecked_browser.get(scripted_daemon.url)
            problem(unchecked_browser, r"3 clients from .*server\.max_per_address")
        until_equal(unchecked_browser, ALERTS, [])
    finally:
        scripted_daemon.limits.max_per_address = limit
    unchecked_browser.get("about:blank")
