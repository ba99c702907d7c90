"""The captions page for everybody: every size, by keyboard, without motion, in both colour schemes, for screen readers.

As in test_captions_page: one browser, and each test begins as a new reader.
"""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamstt.events import Gap, State, Status
from tests.support.captions_page import ALERTS, by_id, findings, reading, say, scripted, show, sounding
from tests.system.conftest import chromium
from tests.system.test_pages import FINALS, PARTIALS, ScriptedDaemon, final, partial, until, until_equal

LONG = "Wer sich hier durch sehr lange Sätze liest, will nicht seitwärts rollen; auch nicht bei Rindfleischetiketten. "


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def daemon() -> Iterator[ScriptedDaemon]:
    with scripted() as made:
        yield made


@pytest.fixture
def page(shared: webdriver.Chrome, daemon: ScriptedDaemon) -> Iterator[webdriver.Chrome]:
    with reading(shared, daemon) as made:
        yield made


# ---- sizes, motion, colours


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (360, 740), (320, 256)])
def test_no_sideways_scrolling(page: webdriver.Chrome, daemon: ScriptedDaemon, width: int, height: int) -> None:
    """From a meeting room's screen to 400 % zoom (WCAG 1.4.10), whatever is open, at any text size: one column, and
    captions have at least a third of the height."""
    show(page, width, height)
    say(daemon, *[LONG * 3] * 4)
    daemon.publish(Status("desk", State.LOST, LONG))
    daemon.publish(Status("A source with quite a long name", State.SPEECH))
    daemon.publish(partial("Donaudampfschifffahrtsgesellschaftskapitän" * 2, 5, "p", "A source with quite a long name"))
    until(page, PARTIALS, lambda texts: len(texts) == 1, "a partial")
    fits = "return [document, ...arguments].every(e => (e = e.documentElement ?? e, e.scrollWidth <= e.clientWidth))"
    share = "return document.querySelector('#scroller').clientHeight / innerHeight"
    until(page, share, lambda part: part > 0.33, "room for captions")
    by_id(page, "search-open").click()
    for scale in (1, 3):
        page.execute_script(f"document.documentElement.style.setProperty('--scale', {scale})")
        assert page.execute_script(fits, by_id(page, "scroller"), by_id(page, "search"))
    by_id(page, "search-close").click()
    by_id(page, "microphone-open").click()
    assert page.execute_script(fits, by_id(page, "microphone"))
    assert page.execute_script(share) > 0.12
    for menu in ("view", "transcript"):
        page.find_element(By.CSS_SELECTOR, f"[popovertarget={menu}]").click()
        assert page.execute_script(fits, by_id(page, menu))
        box = by_id(page, menu).rect
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        page.switch_to.active_element.send_keys(Keys.ESCAPE)


def test_settling_moves_no_word(page: webdriver.Chrome, daemon: ScriptedDaemon) -> None:
    """A partial that becomes final stays where it is, with one source and with several."""
    place = """const box = document.querySelector(arguments[0]).getBoundingClientRect();
               return [box.left, box.top - document.querySelector('#scroller').scrollTop, box.width]"""
    for source, caption in [("desk", "c1"), ("studio", "c2")]:
        daemon.publish(partial("Good morning, all.", 4, caption, source))
        until_equal(page, PARTIALS, ["Good morning, all."])
        before = page.execute_script(place, "#partials .text")
        daemon.publish(final("Good morning, all.", caption, source))
        until_equal(page, PARTIALS, [])
        assert page.execute_script(place, "#log .caption:last-child .text") == before


def test_reduced_motion(page: webdriver.Chrome, daemon: ScriptedDaemon) -> None:
    """Nothing moves by itself for those who do not want it; nothing blinks for anybody."""
    daemon.publish(Status("desk", State.SPEECH))
    daemon.publish(partial("Good morning"))
    until_equal(page, PARTIALS, ["Good morning"])
    moving = """return Array.from(document.querySelectorAll('*'), e => getComputedStyle(e))
                  .filter(s => s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0).length"""
    assert page.execute_script("return document.getAnimations().filter(a => a instanceof CSSAnimation).length") == 0
    with sounding(daemon, 0.1):
        until(page, moving, lambda count: count > 0, "a meter glides")
        show(page, 1280, 800, prefers_reduced_motion="reduce")
        until_equal(page, moving, 0)


def test_by_keyboard(page: webdriver.Chrome, daemon: ScriptedDaemon) -> None:
    """Every control is reached with Tab, in the order of the page, and shows that it has the focus."""
    say(daemon, "Good morning.")
    until_equal(page, FINALS, ["Good morning."])
    names = []
    for _ in range(5):
        page.switch_to.active_element.send_keys(Keys.TAB)
        names.append(page.switch_to.active_element.accessible_name)
        outline = "return parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        assert page.execute_script(outline) >= 2
    assert names == ["Search", "View", "Transcript", "Microphone", "Captions"]
    page.find_element(By.CSS_SELECTOR, "[popovertarget=view]").send_keys(Keys.ENTER)
    names = []
    for _ in range(5):
        page.switch_to.active_element.send_keys(Keys.TAB)
        names.append(page.switch_to.active_element.accessible_name)
    assert names == ["Smaller text", "Larger text", "Auto", "Show times", "Overlay for streaming"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(page: webdriver.Chrome, daemon: ScriptedDaemon, scheme: str) -> None:
    """axe-core finds nothing serious: with captions of several sources, a lost microphone, and everything open."""
    show(page, 1280, 800, scheme)
    assert findings(page) == []  # nothing said yet
    say(daemon, "Good morning.", "Let us begin.")
    say(daemon, "One question.", source="stage")
    daemon.publish(Gap("desk", 1.0, 2.0))
    daemon.publish(Status("desk", State.LOST, "It was unplugged."))
    daemon.publish(Status("stage", State.SPEECH, "Captions are late."))
    daemon.publish(partial("And what about", 4, "p", "stage"))
    until(page, ALERTS, lambda texts: len(texts) == 2, "two sentences")
    by_id(page, "search-open").click()
    by_id(page, "microphone-open").click()
    page.execute_script("document.querySelector('#times').click()")
    assert findings(page) == []
    page.find_element(By.CSS_SELECTOR, "[popovertarget=view]").click()
    assert findings(page) == []
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    assert findings(page) == []


def test_axe_overlay(page: webdriver.Chrome, daemon: ScriptedDaemon) -> None:
    """The same of the overlay, with captions of two sources."""
    page.get(f"{daemon.url}/overlay")
    daemon.publish(final("Good morning.", "c1"))
    daemon.publish(partial("One ques", 3, "c2", "stage"))
    until(page, "return document.body.innerText", lambda text: "One ques" in text, "captions")
    assert findings(page) == []
