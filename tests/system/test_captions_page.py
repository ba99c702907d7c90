"""The captions page as readers use it: search, view, transcript, state and level.

In a real Chromium with the real hub and server. Each test begins as a new reader and ends with an empty console.
"""

import json
import re
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamstt.events import Final, State, Status
from tests.support.browser import until, until_equal
from tests.support.captions_page import ALERTS, by_id
from tests.support.pages import FINALS, REMEMBER, STATE, ScriptedDaemon, final

COUNT = "return document.querySelector('#search-count').textContent"


# ---- search


def test_search(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Matches are counted and highlighted in any case, visited in both directions, and updated as captions arrive."""
    scripted_daemon.publish_finals(
        "The heat pump.", "Where is it?", "Below THE car park (level 2).", *["Filler."] * 40, "There."
    )
    until(page, FINALS, lambda texts: texts[-1:] == ["There."], "all captions")
    by_id(page, "search-open").click()
    field = page.switch_to.active_element
    field.send_keys("the")
    until_equal(page, COUNT, "3 of 3")
    marked = "return ['found', 'found-current'].map(name => Array.from(CSS.highlights.get(name), String))"
    assert page.execute_script(marked) == [["The", "THE"], ["The"]]
    field.send_keys(Keys.ENTER)
    until_equal(page, COUNT, "1 of 3")
    shown = """const box = [...CSS.highlights.get('found-current')][0].getBoundingClientRect();
              return document.elementFromPoint(box.x + 2, box.y + 2).closest('.caption')?.textContent"""
    until(page, shown, lambda text: "The heat pump." in (text or ""), "the match is in view")
    field.send_keys(Keys.SHIFT, Keys.ENTER)
    until_equal(page, COUNT, "3 of 3")
    scripted_daemon.publish(final("And then?", "new"))
    until_equal(page, COUNT, "3 of 4")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("(level 2)")
    until_equal(page, COUNT, "1 of 1")
    field.send_keys("x")
    until_equal(page, COUNT, "not found")
    field.send_keys(Keys.ESCAPE)
    assert not by_id(page, "search").is_displayed()
    assert page.switch_to.active_element == by_id(page, "search-open")
    assert page.execute_script("return CSS.highlights.get('found').size") == 0


def test_earlier_captions(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A late reader gets the last fifty captions, and all that are kept by a button or by searching."""
    scripted_daemon.publish_finals(*[f"Line {number}." for number in range(80)])
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[:1] == ["Line 30."], "the last fifty")
    before = "return document.querySelector('[data-seq=\"41\"]').getBoundingClientRect().top"
    by_id(page, "scroller").send_keys(Keys.HOME)
    until_equal(page, "return document.querySelector('#scroller').scrollTop", 0)
    height = page.execute_script(before)
    by_id(page, "earlier").click()
    until_equal(page, FINALS, [f"Line {number}." for number in range(80)])
    assert not by_id(page, "earlier").is_displayed()
    until(
        page,
        before,
        lambda top: abs(top - height) < 60,
        "the text being read stays in place, except for the height of the button",
    )
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: len(texts) == 50, "the last fifty")
    by_id(page, "search-open").click()
    page.switch_to.active_element.send_keys("line 1")
    until_equal(page, COUNT, "11 of 11")
    scripted_daemon.publish_finals(*[f"More {number}." for number in range(50)], source="other")
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[-1:] == ["More 49."], "the last ones")
    by_id(page, "earlier").click()
    until(page, FINALS, lambda texts: len(texts) == 100, "all captions that the server keeps")
    notice = "return document.querySelector('#log .notice')?.textContent ?? ''"
    until(page, notice, lambda text: "no longer kept" in text, "a notice about deleted captions")


# ---- view


def test_settings_are_kept(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Text size, colors and times change at once, and are restored when the page is opened again."""
    scripted_daemon.publish_finals("Good morning.")
    until_equal(page, FINALS, ["Good morning."])
    style = """const [text, time] = ['.text', 'time'].map(name => document.querySelector(`#log ${name}`));
               return [parseFloat(getComputedStyle(text).fontSize), getComputedStyle(document.body).backgroundColor,
                       getComputedStyle(time).display !== 'none' && time.textContent !== '']"""
    small, light, times = page.execute_script(style)
    assert times is False
    page.find_element(By.CSS_SELECTOR, "[popovertarget=view]").click()
    for _ in range(3):
        by_id(page, "larger").click()
    page.find_element(By.CSS_SELECTOR, "[value=dark]").send_keys(Keys.SPACE)
    by_id(page, "times").click()
    large, dark, times = page.execute_script(style)
    assert large == pytest.approx(1.5 * small, rel=0.01)
    assert dark != light
    assert times is True
    assert page.execute_script("return document.querySelector('#log time').dateTime").startswith("2025-01-01T12:00:00")
    page.get(scripted_daemon.url)
    until_equal(page, FINALS, ["Good morning."])
    assert page.execute_script(style) == [large, dark, times]
    page.execute_script("localStorage.setItem('streamstt.view', '{\"size\": \"<b>\"')")
    page.get(scripted_daemon.url)
    until_equal(page, FINALS, ["Good morning."])
    assert page.execute_script(style) == [small, light, False], "invalid values are ignored"


def test_guests_who_have_left(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A late reader sees the labels that guests had, even if two of them had the same name."""
    for label in ("Ana", "Ben"):
        scripted_daemon.add_source("guest", label)
        scripted_daemon.publish(final(f"I am {label}.", label, "guest"))
        scripted_daemon.remove_source("guest")
    scripted_daemon.publish(final("Bye."))
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[-1:] == ["Bye."], "all captions")
    labels = "return Array.from(document.querySelectorAll('#log .caption .label'), e => e.textContent)"
    assert page.execute_script(labels) == ["Ana", "Ben", "Desk"]


# ---- transcript


def test_copy(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """All captions that are kept, or the selected text, are copied as they are shown; the button confirms it."""
    granted = {"origin": scripted_daemon.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", granted)
    scripted_daemon.publish_finals(*[f"Line {number}." for number in range(60)])
    scripted_daemon.publish(final("Mine.", "s", "studio"))
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[-1:] == ["Mine."], "all captions")
    page.execute_script(REMEMBER, "#copy-words", "labels")
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    by_id(page, "copy").click()
    until(page, "return labels", lambda texts: "✓ Copied 61 lines" in texts, "a confirmation")
    clip = "return navigator.clipboard.readText()"
    assert page.execute_script(clip).split("\n") == [*[f"Desk: Line {n}." for n in range(60)], "studio: Mine."]
    page.execute_script("""document.querySelector('#transcript').hidePopover();
                           getSelection().selectAllChildren(document.querySelector('#log').lastChild.lastChild)""")
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    until_equal(page, "return document.querySelector('#copy').textContent.trim()", "Copy the selection")
    by_id(page, "copy").click()
    until(page, "return labels", lambda texts: "✓ Copied" in texts, "a confirmation")
    assert page.execute_script(clip) == "Mine."
    scripted_daemon.publish_finals(*[f"More {number}." for number in range(60)], source="other")
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[-1:] == ["More 59."], "all captions")
    page.execute_script(REMEMBER, "#copy-words", "labels")
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    by_id(page, "copy").click()
    until(page, "return labels", lambda texts: "✓ Copied 100 lines; earlier ones are no longer kept" in texts, "a hint")


def test_downloads(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon, tmp_path: Path) -> None:
    """Each of the four formats is a file named by the day, with all captions that are kept, not only those shown."""
    for number in range(60):
        scripted_daemon.publish(
            Final("desk", f"c{number}", 2, float(number), number + 1.0, f"Line {number}.", (), "en")
        )
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.get(scripted_daemon.url)
    until(page, FINALS, lambda texts: texts[-1:] == ["Line 59."], "all captions")
    day = page.execute_script("return new Date().toLocaleDateString('sv')")
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    for kind in ("txt", "srt", "vtt", "json"):
        page.find_element(By.CSS_SELECTOR, f"#transcript [href*='transcript.{kind}']").click()
        file = tmp_path / f"captions-{day}.{kind}"
        until(page, "return 0", lambda _, file=file: is_complete(file), f"{file.name} arrives")
        text = file.read_text()
        assert [f"Line {number}." in text for number in range(60)] == [True] * 60
    assert json.loads(file.read_text())["captions"][0]["start"] == 0


def is_complete(file: Path) -> bool:
    return file.exists() and "Line 59." in file.read_text()


def test_what_a_download_holds(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The menu says since when there are captions, and does not promise the whole session when the first are gone."""
    title = "return document.querySelector('#downloads').innerText.replace(/\\s+/g, ' ')"
    scripted_daemon.publish_finals("Good morning.")
    until_equal(page, FINALS, ["Good morning."])
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    until(page, title, lambda text: re.fullmatch(r"Download the whole session from Jan 1, .+ on", text), "the whole")
    page.execute_script("document.querySelector('#transcript').hidePopover()")
    scripted_daemon.publish_finals(*[f"Line {number}." for number in range(101)])
    until(page, FINALS, lambda texts: texts[-1:] == ["Line 100."], "all captions")
    page.find_element(By.CSS_SELECTOR, "[popovertarget=transcript]").click()
    until(page, title, lambda text: re.fullmatch(r"Download what is kept from Jan 1, .+ on", text), "a part")
    assert not by_id(page, "set").is_displayed()


# ---- state and level


def test_level(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A meter shows the level of a source, also in words; no sound and clipping are visible."""
    scripted_daemon.publish(Status("desk", State.LISTENING))
    meter = """const meter = document.querySelector('#state [role=meter]');
               const full = meter.getBoundingClientRect().width - 2;
               return [meter.getAttribute('aria-valuetext'), meter.classList.contains('clipped'),
                       Math.round(100 * meter.querySelector('.bar').getBoundingClientRect().width / full)]"""
    until(page, meter, lambda value: value == ["no sound", False, 0], "an empty meter")
    label = "return document.querySelector('#state [role=meter]').getAttribute('aria-label')"
    assert page.execute_script(label) == "Level of Desk"
    with scripted_daemon.tone(0.1):
        expected = ["good level, -20 dB", False, 67]
        until(page, meter, lambda value: value == expected, "a level of -20 dB, two thirds of 60")
    until(page, meter, lambda value: value == ["no sound", False, 0], "no more sound")
    with scripted_daemon.tone(1.0):
        until(page, meter, lambda value: value == ["too loud, 0 dB", True, 100], "clipping")
    until(page, meter, lambda value: value[1] is False, "clipping is over")


def test_state_of_several_sources(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Each source is named with its state; a sentence below describes each problem and disappears with it."""
    scripted_daemon.publish(Status("desk", State.LISTENING))
    scripted_daemon.publish(Status("stage", State.SPEECH))
    until(page, STATE, lambda text: "desk listening" in text and "stage speech" in text, "both")
    assert page.execute_script(ALERTS) == []
    scripted_daemon.publish(Status("stage", State.LOST, "It was unplugged."))
    scripted_daemon.publish(Status("desk", State.SPEECH, "Captions are late."))
    expected = ["Desk: Captions are late.", "Sound lost: stage. It was unplugged."]
    until(page, ALERTS, lambda texts: sorted(texts) == expected, "two sentences")
    page.execute_script(REMEMBER, "#state", "states")
    scripted_daemon.publish(Status("stage", State.WAITING, "The client has left.", left=True))
    scripted_daemon.publish(Status("desk", State.LISTENING))
    until_equal(page, ALERTS, [])
    until(
        page,
        "return states",
        lambda texts: any("stage has left" in text for text in texts),
        "the source that left is named for a while",
    )
    until(page, STATE, lambda text: text == "listening", "and then no longer")
