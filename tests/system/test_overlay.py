"""The overlay in a real Chromium: what it shows, where, and what it never shows.

Every test also ends with an empty browser console: no error, no warning, no violation of the content security policy.
"""

import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException

from streamstt.config.overlay import OverlaySettings
from streamstt.events import Gap, State, Status
from tests.support.brokers import free_port
from tests.support.browser import console_messages, contrast, set_media, set_viewport, until, until_equal
from tests.support.daemon import DATA, SCRIPT
from tests.support.forked import Daemon
from tests.support.overlay import BOX, RECORD, ROWS, STILL, VISIBLE, WATCH, pixel
from tests.support.pages import SHOWN_TEXT, XSS, ScriptedDaemon, final, partial

LONG = (
    "We began in the morning, when nobody was there yet, and by noon 10 000 people had come to see what Dr. Miller had "
    "promised them. It was warm; the wind had gone. Nobody spoke, because there was nothing to say about it any more."
)


def show(browser: webdriver.Chrome, daemon: ScriptedDaemon, query: str = "") -> None:
    """Opens the overlay; returns when it is connected. Captions stay unless the query says otherwise."""
    stays = "" if "clear=" in query else "&clear=0" if query else "?clear=0"
    browser.get(f"{daemon.url}/overlay{query}{stays}")
    until(browser, "return 0", lambda _: daemon.viewers > 0, "the overlay connects")


# --- Nothing moves ---------------------------------------------------------------------------------------------------


def test_a_shown_word_stays(browser: webdriver.Chrome, brisk: list[str]) -> None:
    """With a real daemon, at every frame, a word that is shown stays on its line, and moves only up, by whole lines."""
    with Daemon("--source", f"file:{DATA / 'meeting.flac'}", "--loop", *brisk) as daemon:
        browser.get(f"{daemon.url}/overlay?chars=24")
        browser.execute_script(WATCH)
        words = set(SCRIPT.split())
        until(browser, "return [...everShown]", lambda seen: len(words & set(seen)) > 14, "most of the script")
        until(browser, "return frames", lambda count: count > 50, "enough frames")
    assert browser.execute_script("return shifts") == []


@pytest.mark.parametrize(
    "query", ["", "?lines=3&position=top&labels=on", "?lines=1&chars=30&position=middle&tentative=hide"]
)
def test_a_shown_word_stays_whatever_is_said(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, query: str
) -> None:
    """The same holds with two simultaneous speakers, tails that are revised repeatedly, and withdrawn captions."""
    show(browser, scripted_daemon, query)
    browser.execute_script(WATCH)
    chance = random.Random(query)
    words = LONG.split()
    progress = {"desk": 0, "studio": 0}
    for step in range(160):
        source = chance.choice(["desk", "desk", "studio"])
        caption, length = f"{source}{progress[source] // 40}", progress[source] % 40
        progress[source] += chance.choice([1, 1, 2, 3])
        settled = " ".join(words[:length])
        tail = " ".join(chance.choices(words, k=chance.randrange(4)))
        if progress[source] // 40 != int(caption.removeprefix(source)):
            scripted_daemon.publish(final(settled, caption, source))
        else:
            text = f"{settled} {tail}".strip()
            scripted_daemon.publish(partial(text, len(settled), caption, source, step + 1))
        if step % 4 == 3:
            frames = browser.execute_script("return frames")
            until(browser, "return frames", lambda count, frames=frames: count > frames, "another frame")
    assert browser.execute_script("return shifts") == []


def test_only_a_changed_tail_finds_a_new_place(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Withdrawn words make room; the lines before them stay, even if they would now be broken differently."""
    show(browser, scripted_daemon, "?chars=24&lines=3&tentative=plain")
    scripted_daemon.publish(partial("We went to the large house", 10))
    until_equal(browser, ROWS, ["We went to the large", "house"])
    scripted_daemon.publish(partial("We went to the large houses, and", 10))
    until_equal(browser, ROWS, ["We went to the large", "houses, and"])
    scripted_daemon.publish(partial("We went to the lake", 10))
    until_equal(browser, ROWS, ["We went to the lake"])
    scripted_daemon.publish(final("We went to the lake, and then home."))
    until_equal(browser, ROWS, ["We went to the lake,", "and then home."])


def test_a_comma_moves_no_word(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Punctuation added after the last word of a full line does not move the word."""
    show(browser, scripted_daemon, "?chars=24")
    scripted_daemon.publish(partial("exactly as wide as a row", 24))
    until_equal(browser, ROWS, ["exactly as wide as a row"])
    scripted_daemon.publish(partial("exactly as wide as a row, and", 24))
    until_equal(browser, ROWS, ["exactly as wide as a row,", "and"])


# --- What is shown ---------------------------------------------------------------------------------------------------


def test_transparent(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The page is fully transparent around the caption."""
    show(browser, scripted_daemon)
    scripted_daemon.publish(final("Good morning."))
    until_equal(browser, ROWS, ["Good morning."])
    assert pixel(browser, 10, 10, (0, 0, 0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("lines", [1, 2, 4])
def test_number_of_lines(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, lines: int) -> None:
    """Exactly that many lines are visible, however long the captions, with the newest words among them."""
    show(browser, scripted_daemon, f"?lines={lines}")
    for number in range(12):
        scripted_daemon.publish(final(f"Caption number {number}.", f"c{number}"))
    until(browser, ROWS, lambda rows: rows[-1:] == ["Caption number 11."], "the last final")
    until_equal(browser, STILL, True)
    assert browser.execute_script(VISIBLE) == [f"Caption number {n}." for n in range(12 - lines, 12)]
    scripted_daemon.publish(partial("and on and on it goes " * 20, 30, "c99"))
    until(browser, ROWS, lambda rows: rows[-1].startswith("and on"), "the long partial")
    until_equal(browser, STILL, True)
    assert len(browser.execute_script(VISIBLE)) == lines
    assert browser.execute_script("return document.querySelectorAll('.line').length") <= lines + 2


def test_clears_in_silence(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Some time after the last word, when it could be read, the screen is cleared; the next word is shown alone."""
    show(browser, scripted_daemon, "?clear=1&cps=10")
    browser.execute_script(RECORD)
    published = time.monotonic()
    scripted_daemon.publish(final("Twenty letters in it."))
    until_equal(browser, "return shownTexts", ["", "Twenty letters in it.", ""])
    assert time.monotonic() - published > 2
    scripted_daemon.publish(partial("Next", caption="c2"))
    until(browser, "return shownTexts", lambda texts: texts[3:4] == ["Next"], "the next one")


def test_speech_goes_on_after_clearing(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Words that were cleared do not return with the next word of the same caption."""
    show(browser, scripted_daemon, "?clear=0.5&cps=60")
    browser.execute_script(RECORD)
    scripted_daemon.publish(partial("Wait for", 8))
    until_equal(browser, "return shownRows", [[], ["Wait for"], []])
    scripted_daemon.publish(partial("Wait for it now", 8))
    until(browser, "return shownRows", lambda rows: rows[3:4] == [["it now"]], "the next words")


def test_problems_are_not_shown(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Viewers see nothing of lost microphones, gaps, old captions or a restart."""
    scripted_daemon.publish(final("Before the first viewer.", "c1"))
    show(browser, scripted_daemon, "?clear=2")
    browser.execute_script(RECORD)
    scripted_daemon.publish(Status("desk", State.LOST, "unplugged"))
    scripted_daemon.publish(Gap("desk", 1.0, 2.0))
    scripted_daemon.publish(partial("Good mor", 4, caption="c2"))
    until(browser, "return shownTexts", lambda texts: "Good mor" in texts, "the caption")
    scripted_daemon.restart()
    until_equal(browser, SHOWN_TEXT, "")
    scripted_daemon.publish(final("Back.", "c1"))
    until(browser, "return shownTexts", lambda texts: "Back." in texts, "the next caption")
    assert set(browser.execute_script("return shownTexts")) <= {"", "Good mor", "Good", "Back."}


def test_a_killed_daemon(browser: webdriver.Chrome, brisk: list[str]) -> None:
    """With ``kill -9`` and a restart, only captions are ever shown; they are cleared in time, and continue."""
    words = ["--source", f"file:{DATA / 'meeting.flac'}", "--loop", *brisk, "--port", str(free_port())]
    with Daemon(*words) as daemon:
        browser.get(f"{daemon.url}/overlay?clear=1")
        browser.execute_script(WATCH)
        until(browser, "return everShown.size", lambda count: count > 4, "some words")
        daemon.stop(signal.SIGKILL)
        until_equal(browser, SHOWN_TEXT, "")
        browser.execute_script("everShown.clear()")
    with Daemon(*words):
        until(browser, "return everShown.size", lambda count: count > 4, "words of the new run")
    pieces = {word[:n] for word in SCRIPT.split() for n in range(1, 20)}  # a word that is being spoken is shown in part
    assert set(browser.execute_script("return [...everShown]")) <= pieces
    assert browser.execute_script("return shifts") == []


def test_hidden(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """While OBS hides the source, captions do not accumulate; shown again, it has the current caption only."""
    show(browser, scripted_daemon, "?clear=1&mode=popon&min=1")
    browser.execute_script(RECORD)
    watched = browser.current_window_handle
    browser.switch_to.new_window("tab")
    other = browser.current_window_handle
    browser.get(f"{scripted_daemon.url}/overlay?source=nobody")
    for number in range(20):
        scripted_daemon.publish(final(f"Caption number {number}.", f"c{number}"))
    newest = "Caption number 19."
    until(
        browser,
        "return JSON.parse(localStorage.shownTexts)",
        lambda texts: newest in texts,
        "the newest caption",
    )
    browser.switch_to.window(watched)
    until_equal(browser, SHOWN_TEXT, "")
    assert set(browser.execute_script("return shownTexts")) <= {"", "Caption number 0.", newest}, (
        "none of the captions between"
    )
    browser.switch_to.window(other)
    browser.close()
    browser.switch_to.window(watched)


# --- How it looks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?background=none&outline=5", "?color=000&background=fffc", "?colors=text"])
def test_contrast_on_any_picture(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, query: str) -> None:
    """All words have enough contrast (WCAG AA: 4.5 to 1) in front of white, black and gray, as painted."""
    show(browser, scripted_daemon, query)
    for number, source in enumerate(["desk", "b", "c", "d", "e", "f"]):
        scripted_daemon.publish(partial("Good morning", 4, f"c{number}", source))
    until(browser, ROWS, lambda rows: len(rows) == 4, "partials")
    until_equal(browser, STILL, True)
    colors = (
        "return Array.from(document.querySelectorAll('.stable, .tentative, .label'), e => getComputedStyle(e).color)"
    )
    shadow = browser.execute_script("return getComputedStyle(document.querySelector('#box')).textShadow")
    left, _, right, bottom = browser.execute_script(BOX)
    for behind in [(255, 255, 255), (0, 0, 0), (119, 119, 119)]:
        painted = pixel(browser, right - 30, bottom - 12, (*behind, 1.0))
        ground = f"rgb{painted[:3]}" if shadow == "none" else shadow.partition(")")[0]
        for color in browser.execute_script(colors):
            assert contrast(color, ground) >= 4.5, (color, ground, behind)
    assert left < right


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (390, 844), (844, 390), (3840, 2160), (1920, 120)])
@pytest.mark.parametrize("query", ["", "?lines=4&chars=60&upper=1&position=top-left&labels=on"])
def test_every_size(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, size: tuple[int, int], query: str
) -> None:
    """In a scene, on a phone, on a wall and in a ticker, captions fit the page and are large enough."""
    set_viewport(browser, *size)
    show(browser, scripted_daemon, query)
    scripted_daemon.publish(final(LONG))
    until(browser, ROWS, lambda rows: rows[-1:] and rows[-1].lower().endswith("more."), "the words")
    until_equal(browser, STILL, True)
    left, top, right, bottom = browser.execute_script(BOX)
    assert left >= 0
    assert top >= 0
    assert right <= size[0]
    assert bottom <= size[1]
    wide = """return Array.from(document.querySelectorAll('.line'), e => {
                const range = document.createRange(); range.selectNodeContents(e);
                return range.getBoundingClientRect().right; })"""
    assert max(browser.execute_script(wide)) <= right
    letters = browser.execute_script("return parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert letters >= min(18, size[1] * 0.14)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_motion(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, motion: str) -> None:
    """Lines move up smoothly, except for users who prefer reduced motion."""
    set_media(browser, prefers_reduced_motion=motion)
    show(browser, scripted_daemon)
    count = """window.moved = 0; const animate = Element.prototype.animate;
               Element.prototype.animate = function (...v) { moved++; return animate.apply(this, v); }"""
    browser.execute_script(count)
    for number in range(3):
        scripted_daemon.publish(final(f"Caption number {number}.", f"c{number}"))
        until(browser, ROWS, lambda rows, number=number: len(rows) == number + 1, "one more row")
    assert browser.execute_script("return moved") == (2 if motion == "no-preference" else 0)


@pytest.mark.parametrize(
    "text",
    ["غدا سنذهب إلى المدينة، لأن هناك احتفالا كبيرا.", "מחר ניסע לעיר, כי תהיה שם חגיגה גדולה."],
    ids=["ar", "he"],
)
def test_right_to_left(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, text: str) -> None:
    """Arabic and Hebrew are aligned to the right edge while they grow."""
    show(browser, scripted_daemon, "?chars=26")
    browser.execute_script(WATCH)
    for length in range(1, len(text.split())):
        scripted_daemon.publish(partial(" ".join(text.split()[:length]), 0, rev=length))
    scripted_daemon.publish(final(text))
    until(browser, ROWS, lambda rows: " ".join(rows) == text and len(rows) == 2, "both lines")
    until_equal(browser, STILL, True)
    edges = """const box = document.querySelector('#box').getBoundingClientRect();
      return Array.from(document.querySelectorAll('.stable'), e => box.right - e.getBoundingClientRect().right)"""
    assert all(10 < edge < 40 for edge in browser.execute_script(edges))
    assert browser.execute_script("return shifts") == []


def test_wide_characters(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Lines of Chinese and Japanese have half as many characters, and are broken after phrases."""
    show(browser, scripted_daemon, "?chars=32")
    scripted_daemon.publish(final("今日は天気がいいですね。明日も晴れるといいですが、雨が降るかもしれません。"))
    until_equal(browser, ROWS, ["今日は天気がいいですね。", "明日も晴れるといいですが、", "雨が降るかもしれません。"])


def test_the_font_is_bundled(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The font comes from the daemon, and no request goes to another server."""
    show(browser, scripted_daemon)
    scripted_daemon.publish(final("Zażółć gęślą jaźń."))
    until_equal(browser, ROWS, ["Zażółć gęślą jaźń."])
    loaded = "return Array.from(document.fonts).filter(f => f.status === 'loaded').length"
    until_equal(browser, loaded, 2)
    requested = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert {urlsplit(name).netloc for name in requested} == {urlsplit(scripted_daemon.url).netloc}


# --- Speakers --------------------------------------------------------------------------------------------------------


def test_speakers(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """With several sources, a label marks each change of speaker, in the source's color; lines keep their order."""
    show(browser, scripted_daemon, "?lines=4")
    scripted_daemon.publish(partial("Hello from the", 5, "c1", "desk"))
    until_equal(browser, ROWS, ["Hello from the"])
    scripted_daemon.publish(partial("And I", 3, "c2", "studio"))
    until_equal(browser, ROWS, ["Hello from the", "studioAnd I"])
    scripted_daemon.publish(final("Hello from the desk.", "c1", "desk"))
    until_equal(browser, ROWS, ["Hello from the desk.", "studioAnd I"])
    scripted_daemon.publish(final("I go on.", "c3", "desk"))
    scripted_daemon.publish(final("And I am here.", "c2", "studio"))
    scripted_daemon.publish(final("On and on.", "c4", "desk"))
    until_equal(browser, ROWS, ["Hello from the desk.", "studioAnd I am here.", "DeskI go on.", "On and on."])
    colors = "return Array.from(document.querySelectorAll('.label'), e => getComputedStyle(e).color)"
    assert len(set(browser.execute_script(colors))) == 2


def test_a_speaker_who_comes_later(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A source that appears after the overlay was opened has a label, too."""
    show(browser, scripted_daemon)
    scripted_daemon.add_source("guest", "Anna")
    scripted_daemon.publish(Status("guest", State.LISTENING))
    scripted_daemon.publish(final("Good morning.", "c9", "guest"))
    until_equal(browser, ROWS, ["AnnaGood morning."])


def test_only_some_sources(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """``?source=NAME`` shows only this source, without a label."""
    show(browser, scripted_daemon, "?source=studio")
    scripted_daemon.publish(final("From the desk.", "c1", "desk"))
    scripted_daemon.publish(final("From the studio.", "c2", "studio"))
    until_equal(browser, ROWS, ["From the studio."])


def test_configured(browser: webdriver.Chrome, script: list[str], tmp_path: Path) -> None:
    """[overlay] has the appearance, [[source]] label and color; the address takes precedence."""
    config = tmp_path / "streamstt.toml"
    config.write_text(f"""
        [overlay]
        lines = 4
        labels = "on"
        upper = true
        chars = 30
        [[source]]
        input = "file:{DATA / "meeting.flac"}"
        loop = true
        label = "Ada"
        color = "gold"
    """)
    with Daemon("--config", str(config), *script) as daemon:
        browser.get(f"{daemon.url}/overlay?upper=0&chars=60&clear=0")
        first = [f"Ada{word}" for word in SCRIPT.split()]  # whichever is spoken when the page is ready
        until(browser, ROWS, lambda rows: any(row.split(" ")[0] in first for row in rows), "words")
        style = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])"
        assert browser.execute_script(style, ".label", "color") == "rgb(255, 215, 0)"
        assert browser.execute_script(style, ":root", "--lines") == "4"


# --- Pop-on captions -------------------------------------------------------------------------------------------------


def test_popon_shows_whole_phrases(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A phrase is shown when it is complete and settled; the next phrase replaces it as a whole."""
    show(browser, scripted_daemon, "?mode=popon&min=0.3&cps=60")
    scripted_daemon.publish(partial("It was a long day", 17))
    scripted_daemon.publish(partial("It was a long day. We went ho", 22))
    until_equal(browser, ROWS, ["It was a long day."])
    scripted_daemon.publish(final("It was a long day. We went home, and nobody said a word until Dr. Miller came."))
    until_equal(browser, ROWS, ["We went home, and nobody said a word until", "Dr. Miller came."])


def test_popon_gives_time_to_read(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A phrase stays as long as it takes to read; if several are waiting, each stays for less, in order."""
    show(browser, scripted_daemon, "?mode=popon&min=0.2&cps=20")
    log = """window.log = [];
      new MutationObserver(() => {
        const text = document.querySelector('#lines').textContent;
        if (text && text !== log.at(-1)?.[0]) log.push([text, performance.now()]);
      }).observe(document.querySelector('#lines'), { childList: true });"""
    browser.execute_script(log)
    phrases = [f"Phrase {number} of six." for number in range(1, 7)]
    for number, phrase in enumerate(phrases[:2]):
        scripted_daemon.publish(final(phrase, f"c{number}"))
    until(browser, "return log.length", lambda count: count == 2, "two")
    for number, phrase in enumerate(phrases[2:]):
        scripted_daemon.publish(final(phrase, f"d{number}"))
    until(browser, "return log.length", lambda count: count == 6, "all six")
    shown = browser.execute_script("return log")
    assert [text for text, _ in shown] == phrases
    durations_s = [(after[1] - before[1]) / 1000 for before, after in pairwise(shown)]
    assert durations_s[0] > 0.75  # 16 characters at 20 a second
    assert min(durations_s) >= 0.2
    assert min(durations_s[2:]) < 0.75, "less if others are waiting"


# --- Untrusted input -------------------------------------------------------------------------------------------------


def test_text_is_never_markup(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Markup in words, sources and the address is shown as text; its scripts do not run, and it loads nothing."""
    show(
        browser,
        scripted_daemon,
        f"?chars=100&lines=4&size=1.5&font={quote('x;}body{display:none')}&lines=3&{quote(XSS)}=1",
    )
    scripted_daemon.publish(partial("Good morning", source="desk"))
    scripted_daemon.publish(partial(XSS, 5, source=XSS, caption="c2"))
    until(browser, SHOWN_TEXT, lambda text: "<img" in text, "the markup is readable as a partial")
    scripted_daemon.publish(final(XSS, source=XSS, caption="c2"))
    until(browser, ROWS, lambda rows: without_spaces(XSS) in without_spaces(*rows), "the markup is readable as a final")
    assert browser.execute_script("return document.querySelector('.label').textContent").startswith("<img src=x")
    assert browser.execute_script("return window.ran ?? null") is None
    assert browser.execute_script("return document.querySelectorAll('img, body script').length") == 0
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text
    assert len(console_messages(browser)) == 2  # the font, and the unknown setting


def test_invalid_settings_are_ignored(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """An invalid setting is reported in the console and otherwise ignored."""
    query = "?lines=9&chars=x&color=url(x)&mode=up&nothing=1&clear=-1&upper=maybe&size="
    show(browser, scripted_daemon, query)
    scripted_daemon.publish(final("Good morning."))
    until_equal(browser, ROWS, ["Good morning."])
    style = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()"
    assert browser.execute_script(style, "--lines") == str(OverlaySettings().lines)
    messages = console_messages(browser)
    for name in ("lines", "chars", "color", "mode", "nothing", "clear", "upper", "size"):
        assert any(f"overlay: {name} is ignored" in line for line in messages), name


def without_spaces(*texts: str) -> str:
    """Removes spaces, which are missing where a line ends."""
    return "".join("".join(texts).split())
