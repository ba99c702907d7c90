"""Accessibility of the captions page: sizes, keyboard, reduced motion, color schemes, screen readers.

Each test begins as a new reader and ends with an empty console.
"""

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamstt.events import Gap, State, Status
from tests.support.browser import set_media, set_viewport, until, until_equal
from tests.support.captions_page import ALERTS, by_id, violations
from tests.support.pages import FINALS, PARTIALS, ScriptedDaemon, final, partial

LONG = "Wer sich hier durch sehr lange Sätze liest, will nicht seitwärts rollen; auch nicht bei Rindfleischetiketten. "


# ---- sizes, motion, colors


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (360, 740), (320, 256)])
def test_no_sideways_scrolling(
    page: webdriver.Chrome, scripted_daemon: ScriptedDaemon, width: int, height: int
) -> None:
    """From a meeting room's screen to 400 % zoom (WCAG 1.4.10), with any panel open, at any text size, there is one
    column, and captions have at least a third of the height."""
    set_viewport(page, width, height)
    scripted_daemon.publish_finals(*[LONG * 3] * 4)
    scripted_daemon.publish(Status("desk", State.LOST, LONG))
    scripted_daemon.publish(Status("A source with quite a long name", State.SPEECH))
    scripted_daemon.publish(
        partial("Donaudampfschifffahrtsgesellschaftskapitän" * 2, 5, "p", "A source with quite a long name")
    )
    until(page, PARTIALS, lambda texts: len(texts) == 1, "a partial")
    fits = "return [document, ...arguments].every(e => (e = e.documentElement ?? e, e.scrollWidth <= e.clientWidth))"
    share = "return document.querySelector('#scroller').clientHeight / innerHeight"
    until(page, share, lambda part: part > 0.33, "a third of the height")
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


def test_settling_moves_no_word(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A partial that becomes final stays in place, with one source and with several."""
    place = """const box = document.querySelector(arguments[0]).getBoundingClientRect();
               return [box.left, box.top - document.querySelector('#scroller').scrollTop, box.width]"""
    for source, caption in [("desk", "c1"), ("studio", "c2")]:
        scripted_daemon.publish(partial("Good morning, all.", 4, caption, source))
        until_equal(page, PARTIALS, ["Good morning, all."])
        before = page.execute_script(place, "#partials .text")
        scripted_daemon.publish(final("Good morning, all.", caption, source))
        until_equal(page, PARTIALS, [])
        assert page.execute_script(place, "#log .caption:last-child .text") == before


def test_reduced_motion(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Nothing is animated for users who prefer reduced motion, and nothing blinks at all."""
    scripted_daemon.publish(Status("desk", State.SPEECH))
    scripted_daemon.publish(partial("Good morning"))
    until_equal(page, PARTIALS, ["Good morning"])
    moving = """return Array.from(document.querySelectorAll('*'), e => getComputedStyle(e))
                  .filter(s => s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0).length"""
    assert page.execute_script("return document.getAnimations().filter(a => a instanceof CSSAnimation).length") == 0
    with scripted_daemon.tone(0.1):
        until(page, moving, lambda count: count > 0, "an animated meter")
        set_media(page, prefers_reduced_motion="reduce")
        until_equal(page, moving, 0)


def test_by_keyboard(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Tab reaches every control, in the order of the page, and the focused control is outlined."""
    scripted_daemon.publish_finals("Good morning.")
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
    for _ in range(8):
        page.switch_to.active_element.send_keys(Keys.TAB)
        names.append(page.switch_to.active_element.accessible_name)
    assert names[:4] == ["Smaller text", "Larger text", "Auto", "Show times"]
    assert names[4:] == ["Overlay for streaming", "Design an overlay", "QR code for phones", "Edit captions"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon, scheme: str) -> None:
    """axe-core finds no serious violation with captions of several sources, a lost microphone and every panel open."""
    set_viewport(page, 1280, 800)
    set_media(page, prefers_color_scheme=scheme)
    assert violations(page) == []  # no captions yet
    scripted_daemon.publish_finals("Good morning.", "Let us begin.")
    scripted_daemon.publish_finals("One question.", source="stage")
    scripted_daemon.publish(Gap("desk", 1.0, 2.0))
    scripted_daemon.publish(Status("desk", State.LOST, "It was unplugged."))
    scripted_daemon.publish(Status("stage", State.SPEECH, "Captions are late."))
    scripted_daemon.publish(partial("And what about", 4, "p", "stage"))
    until(page, ALERTS, lambda texts: len(texts) == 2, "two sentences")
    by_id(page, "search-open").click()
    by_id(page, "microphone-open").click()
    page.execute_script("document.querySelector('#times').click()")
    assert violations(page) == []
    page.find_element(By.CSS_SELECTOR, "[popovertarget=view]").click()
    assert violations(page) == []
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    assert violations(page) == []


def test_axe_overlay(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """axe-core finds no serious violation on the overlay, with captions of two sources."""
    page.get(f"{scripted_daemon.url}/overlay")
    scripted_daemon.publish(final("Good morning.", "c1"))
    scripted_daemon.publish(partial("One ques", 3, "c2", "stage"))
    until(page, "return document.body.innerText", lambda text: "One ques" in text, "captions")
    assert violations(page) == []
