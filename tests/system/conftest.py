"""Fixtures that several system tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.support.browser import UNREACHABLE, chromium, console_messages, forget_visits, set_media, set_viewport
from tests.support.daemon import write_brisk_script, write_script
from tests.support.pages import ScriptedDaemon, open_connected


@pytest.fixture
def script(tmp_path: Path) -> list[str]:
    """Options that make the daemon play back SCRIPT, in step with the audio, every eight seconds."""
    return write_script(tmp_path)


@pytest.fixture
def brisk(tmp_path: Path) -> list[str]:
    """As ``script``, spoken faster and every three seconds."""
    return write_brisk_script(tmp_path)


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for all tests: its start takes longer than most of them."""
    with chromium(tmp_path_factory.mktemp("chrome")) as driver:
        yield driver


@pytest.fixture
def unchecked_browser(chrome: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A browser as nobody has used it before, 1280 by 720; its console is not checked."""
    set_viewport(chrome, 1280, 720)
    set_media(chrome)
    yield chrome
    forget_visits(chrome)
    console_messages(chrome)


@pytest.fixture
def browser(unchecked_browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The same; at the end its console must be empty: no error, no violation of the security policy."""
    yield unchecked_browser
    unchecked_browser.get("about:blank")  # a page that is still loading would report that its server has stopped
    assert console_messages(unchecked_browser, *UNREACHABLE) == []


@pytest.fixture
def scripted_daemon(request: pytest.FixtureRequest) -> Iterator[ScriptedDaemon]:
    """A server whose events the test publishes."""
    browser = request.getfixturevalue("browser") if "browser" in request.fixturenames else None
    daemon = ScriptedDaemon()
    try:
        yield daemon
        if browser:
            browser.get("about:blank")  # before the server stops, see above
    finally:
        daemon.close()


@pytest.fixture
def page(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> webdriver.Chrome:
    """The captions page of ``scripted_daemon`` as a new reader sees it, connected."""
    set_viewport(browser, 1280, 800)
    set_media(browser, prefers_color_scheme="light")
    open_connected(browser, scripted_daemon.url)
    return browser
