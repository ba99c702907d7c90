"""The overlay designer in a real Chromium: from a setting to a preview, an address and a configuration."""

import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamstt.config.overlay import OverlaySettings
from streamstt.config.settings import Settings
from tests.support.browser import UNREACHABLE, console_messages, set_viewport, until, until_equal
from tests.support.captions_page import violations
from tests.support.daemon import DATA
from tests.support.forked import Daemon
from tests.support.pages import REMEMBER, ScriptedDaemon

ADDRESS = "return document.querySelector('#address').value"
PREVIEW = "return document.querySelector('#preview').contentWindow.location.search"
SAMPLE = "return document.querySelector('#preview').contentDocument.querySelector('#lines')?.textContent ?? ''"
# As a user does: changes the value of a field, which emits an event.
ENTER = """
  const field = document.querySelector(`#setting-${arguments[0]}`);
  if (field.type === 'checkbox') field.checked = arguments[1];
  else field.value = arguments[1];
  field.dispatchEvent(new Event('input'));
"""


def design(driver: webdriver.Chrome, daemon: ScriptedDaemon, query: str = "") -> None:
    """Opens the designer."""
    driver.get(f"{daemon.url}/designer{query}")
    until(driver, ADDRESS, bool, "the designer is ready")


def query_of(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query, keep_blank_values=True)


def test_every_setting_has_a_field(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Each setting of the overlay has a field with its value, a label and a help text, in words of everyday life."""
    design(browser, scripted_daemon)
    for name, field in OverlaySettings.model_fields.items():
        element = browser.find_element(By.ID, f"setting-{name}")
        assert element.accessible_name
        assert browser.find_element(By.ID, f"help-{name}").text
        if isinstance(field.default, str | int | float) and not isinstance(field.default, bool):
            assert element.get_attribute("value") == str(field.default)
    assert browser.execute_script(ADDRESS) == f"{scripted_daemon.url}/overlay"
    shown = browser.find_element(By.TAG_NAME, "body").text
    assert not [option for option in ("popon", "rollup", "cps", "ltr") if option in shown]


def test_presets(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Each preset changes all settings, by keyboard, and is marked; Reset leads back to the daemon's settings."""
    design(browser, scripted_daemon, "?lines=4&source=you")
    pressed = "return Array.from(document.querySelectorAll('.preset[aria-pressed=true]'), (e) => e.textContent)"
    assert browser.execute_script(pressed) == []
    for button in browser.find_elements(By.CSS_SELECTOR, ".preset"):
        button.send_keys(Keys.ENTER)
        assert browser.execute_script(pressed) == [button.text]
        assert browser.switch_to.active_element == button
        assert query_of(browser.execute_script(ADDRESS))["source"] == ["you"]
        configuration = tomllib.loads(browser.execute_script("return document.querySelector('#toml').value"))
        for name, value in Settings.model_validate(configuration).overlay.model_dump(include={"mode", "lines"}).items():
            assert browser.find_element(By.ID, f"setting-{name}").get_attribute("value") == str(value)
        assert browser.find_element(By.CSS_SELECTOR, "#contrast[data-enough=true]")
    assert violations(browser) == []
    browser.execute_script(ENTER, "lines", "4")
    assert browser.execute_script(pressed) == []
    browser.find_element(By.ID, "reset").click()
    assert browser.execute_script(ADDRESS) == f"{scripted_daemon.url}/overlay"
    set_viewport(browser, 360, 740)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_a_setting_takes_effect_everywhere(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A changed setting is in the preview, the address, the configuration, and the designer's own address."""
    design(browser, scripted_daemon)
    until(browser, SAMPLE, lambda text: "Good morning" in text, "sample words")
    changes: dict[str, Any] = {
        "lines": 3,
        "background": "#123456cc",
        "upper": True,
        "source": "you, them",
        "font": "Inter",
    }
    for name, value in changes.items():
        browser.execute_script(ENTER, name, value)
    until(browser, SAMPLE, lambda text: "GOOD MORNING" in text, "sample words in capitals")
    expected = {
        "lines": ["3"],
        "background": ["123456cc"],
        "upper": ["true"],
        "source": ["you", "them"],
        "font": ["Inter"],
    }
    assert query_of(browser.execute_script(ADDRESS)) == expected
    assert query_of(browser.current_url) == expected
    previewed = {name: value for name, value in expected.items() if name != "source"}  # samples have no sources
    previewed["demo"] = ["2"]
    until(browser, PREVIEW, lambda address: query_of(f"?{address.lstrip('?')}") == previewed, "the same preview")
    configuration = tomllib.loads(browser.execute_script("return document.querySelector('#toml').value"))
    settings = Settings.model_validate(configuration).overlay
    assert settings == OverlaySettings(
        lines=3, background="#123456cc", upper=True, source=("you", "them"), font="Inter"
    )
    design(browser, scripted_daemon, f"?{urlsplit(browser.execute_script(ADDRESS)).query}")
    assert query_of(browser.execute_script(ADDRESS)) == expected


def test_a_mistake_is_shown_where_it_is(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """An invalid value is marked, explained, and has no effect; a valid one removes the mark."""
    design(browser, scripted_daemon)
    state = """const f = document.querySelector(`#setting-${arguments[0]}`);
      return [f.getAttribute('aria-invalid'), document.querySelector(`#help-${arguments[0]}`).textContent]"""
    for name, wrong, right, words in [("lines", "9", "1", "from 1 to 4"), ("color", "#12", "gold", "#ffcc00")]:
        browser.execute_script(ENTER, name, wrong)
        invalid, text = browser.execute_script(state, name)
        assert invalid == "true"
        assert words in text
        assert name not in query_of(browser.execute_script(ADDRESS))
        browser.execute_script(ENTER, name, right)
        assert browser.execute_script(state, name)[0] == "false"
        assert query_of(browser.execute_script(ADDRESS))[name] == [right]


def test_it_warns_of_low_contrast(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The designer shows the contrast of the words on the worst background."""
    design(browser, scripted_daemon)
    contrast = "return document.querySelector('#contrast').textContent"
    until(browser, contrast, lambda text: "at least 12.6 : 1" in text, "the contrast")
    browser.execute_script(ENTER, "background", "none")
    assert "Use a darker box" in browser.execute_script(contrast)
    browser.execute_script(ENTER, "outline", "4")
    assert "at least 21.0 : 1" in browser.execute_script(contrast)


def test_copying(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The button copies the address."""
    rights = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": scripted_daemon.url}
    browser.execute_cdp_cmd("Browser.grantPermissions", rights)
    design(browser, scripted_daemon, "?lines=3")
    button = browser.find_element(By.CSS_SELECTOR, "[data-copies=address]")
    browser.execute_script(REMEMBER, "[data-copies=address]", "labels")
    button.click()
    until(browser, "return labels", lambda texts: "Copied" in texts, "a confirmation")
    copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == f"{scripted_daemon.url}/overlay?lines=3"


def test_where_a_token_is_demanded(browser: webdriver.Chrome, script: list[str], tmp_path: Path) -> None:
    """The designer works with the page's cookie, and says that OBS will need a token of its own."""
    tokens = tmp_path / "tokens"
    tokens.write_text("viewer a-token-for-viewers\n")
    access = ["--set", "server.require_token=true", "--set", f"server.token_file={tokens}"]
    with Daemon("--source", f"file:{DATA / 'short.flac'}", "--source", "ws", *access, *script) as daemon:
        browser.get(f"{daemon.url}/designer?token=a-token-for-viewers")
        until_equal(browser, ADDRESS, f"{daemon.url}/overlay?token=TOKEN")
        assert browser.find_element(By.ID, "tokenhint").is_displayed()
        until(browser, SAMPLE, bool, "the preview")
    assert console_messages(browser, "401", *UNREACHABLE) == []  # the first was without cookie


def test_found_from_the_captions_page(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The captions page links to it, in a new tab, and it links back."""
    browser.get(scripted_daemon.url)
    browser.find_element(By.CSS_SELECTOR, "[popovertarget=view]").click()
    browser.find_element(By.CSS_SELECTOR, "#view a[href*=designer]").click()
    until(browser, "return 0", lambda _: len(browser.window_handles) > 1, "a new tab")
    browser.switch_to.window(browser.window_handles[-1])
    until(browser, ADDRESS, bool, "the designer is ready")
    browser.find_element(By.LINK_TEXT, "Captions page").click()
    until_equal(browser, "return document.title", "Live captions")
