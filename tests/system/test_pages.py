"""The captions page and the overlay in a real Chromium, with the real hub and server.

Every test also ends with an empty browser console: no error, no warning, no violation of the content security policy.
"""

import re

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By

from streamstt.events import Gap, State, Status
from tests.support.browser import contrast, luminance, set_media, until, until_equal
from tests.support.pages import (
    FINALS,
    PARTIALS,
    SHOWN_TEXT,
    STATE,
    XSS,
    ScriptedDaemon,
    final,
    open_connected,
    partial,
)

OVERLAY = "return Array.from(document.querySelectorAll('#lines .line'), e => e.textContent)"


# --- Captions page ---------------------------------------------------------------------------------------------------


def test_partial_grows_into_its_final(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A partial replaces the one before it, and the final replaces the last, each with its exact text."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(partial("good mor"))
    until_equal(browser, PARTIALS, ["good mor"])
    scripted_daemon.publish(partial("Good morning every", stable=12, rev=2))
    until_equal(browser, PARTIALS, ["Good morning every"])
    scripted_daemon.publish(final("Good morning, everybody."))
    until_equal(browser, FINALS, ["Good morning, everybody."])
    assert browser.execute_script(PARTIALS) == []


@pytest.mark.parametrize("page", ["", "/overlay"], ids=["captions", "overlay"])
def test_stable_counts_code_points(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, page: str) -> None:
    """The first ``stable`` code points are displayed as settled, the rest differently."""
    open_connected(browser, scripted_daemon.url + page)
    parts = [
        ("Good morning", " every one"),
        ("👩\u200d🚀🎉 lift-off", " in te\u0301n 🚀"),
        ("", "🎉 all of it open"),
        ("日本語の字幕𠮷", "です"),
        ("All settled 🎉", ""),
    ]
    split = "return ['stable', 'tentative'].map(name => document.querySelector('.' + name)?.textContent)"
    colors = "return ['stable', 'tentative'].map(n => getComputedStyle(document.querySelector('.' + n)).color)"
    for number, (stable, tentative) in enumerate(parts):
        scripted_daemon.publish(partial(stable + tentative, len(stable), f"c{number}"))
        until_equal(browser, split, [stable, tentative])
        assert len(set(browser.execute_script(colors))) == 2
        scripted_daemon.publish(final("", f"c{number}"))


def test_text_is_never_markup(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Markup in text, source and detail is shown literally, and scripts in it do not run."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(Status(XSS, State.LOST, XSS))
    scripted_daemon.publish(partial("Good morning", source="desk"))
    scripted_daemon.publish(partial(XSS, 5, source=XSS, caption="c2"))
    until(browser, SHOWN_TEXT, lambda text: XSS in text, "the markup is readable as a partial")
    scripted_daemon.publish(final(XSS, source=XSS, caption="c2"))
    until(browser, FINALS, lambda texts: any(XSS in text for text in texts), "the markup is readable as a final")
    label = "return Array.from(document.querySelectorAll('.label'), e => e.textContent)"
    assert XSS in browser.execute_script(label)
    assert browser.execute_script("return window.ran ?? null") is None
    assert browser.find_elements(By.CSS_SELECTOR, "img, body script") == []
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text


def test_late_reader_gets_history(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A late reader sees the history, the open captions, and the state of the microphone."""
    scripted_daemon.publish(Status("desk", State.SPEECH))
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(final("Two.", "c2"))
    scripted_daemon.publish(partial("Thr", caption="c3"))
    browser.get(scripted_daemon.url)
    until_equal(browser, FINALS, ["One.", "Two."])
    until_equal(browser, PARTIALS, ["Thr"])
    until(browser, STATE, lambda text: "speech" in text, "the state of the microphone")


@pytest.mark.parametrize(
    ("said", "more", "end"),
    [
        ("It was a long day, and nobody wanted to go home yet.", "So we stayed for another hour, and talked", ""),
        ("كان يوما طويلا ولم يرغب أحد في العودة إلى البيت.", "لذلك بقينا ساعة أخرى وتحدثنا", ""),
        ("It was a long day " * 9 + "and then it ended", "because we went home, all of us together at last", "."),
    ],
    ids=["en", "ar", "several lines"],
)
@pytest.mark.parametrize("times", [False, True])
def test_words_stay_when_their_caption_is_cut(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, said: str, more: str, end: str, times: bool
) -> None:
    """Words after a final stay in their place: in the caption that follows, when it grows, and when it is final."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("Before."))
    until_equal(browser, FINALS, ["Before."])
    if times:
        browser.execute_script("document.querySelector('#times').click()")
    where = """
      const first = document.querySelector('#log .caption').getBoundingClientRect();
      const found = [];
      for (const row of document.querySelectorAll('.caption .text')) {
        const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode())
          for (const { 0: word, index } of node.data.matchAll(/[\\p{L}\\p{M}]+/gu)) {
            const range = document.createRange();
            range.setStart(node, index);
            range.setEnd(node, index + word.length);
            const box = range.getBoundingClientRect();
            found.push([word, Math.round(box.left - first.left), Math.round(box.top - first.top)]);
          }
      }
      return found;
    """
    text = f"{said} {more}"
    scripted_daemon.publish(partial(text, len(said), "c2"))
    until(browser, SHOWN_TEXT, lambda shown: more.rsplit(maxsplit=1)[-1] in shown, "the caption")
    before = browser.execute_script(where)
    assert len(before) > 15
    scripted_daemon.publish(final(said, "c2"))
    until(browser, FINALS, lambda texts: texts[-1:] == [said], "the final")
    assert browser.execute_script(where) == before
    scripted_daemon.publish(partial(f"{more} {said}", len(more), "c3"))
    until(browser, PARTIALS, lambda texts: texts == [f"{more} {said}"], "the next caption")
    assert browser.execute_script(where)[: len(before)] == before
    scripted_daemon.publish(final(f"{more} {said}{end}", "c3"))
    until(browser, FINALS, lambda texts: texts[-1:] == [f"{more} {said}{end}"], "its final")
    assert browser.execute_script(where)[: len(before)] == before


def test_final_never_changes(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Messages for a caption after its final, such as the same final again, are ignored."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(partial("On", caption="c1"))
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(final("Two.", "c2"))
    until_equal(browser, FINALS, ["One.", "Two."])
    assert browser.execute_script(PARTIALS) == []


def test_lost_connection_resumes(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """After a lost connection the page resumes where it was, and shows each final once."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(partial("Tw", caption="c2"))
    until_equal(browser, FINALS, ["One."])
    until_equal(browser, PARTIALS, ["Tw"])
    browser.execute_script("sockets.at(-1).close()")
    scripted_daemon.publish(final("Two.", "c2"))
    scripted_daemon.publish(final("Three.", "c3"))
    until_equal(browser, FINALS, ["One.", "Two.", "Three."])
    scripted_daemon.publish(final("Four.", "c4"))
    until_equal(browser, FINALS, ["One.", "Two.", "Three.", "Four."])
    assert browser.execute_script(PARTIALS) == []
    assert re.search(r"[?&]since=[1-9]\d*&session=.", browser.execute_script("return sockets.at(-1).url"))


def test_network_that_comes_back_is_used_at_once(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The ``online`` event reconnects at once, and no caption is lost or repeated even if the connection was alive."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("One.", "c1"))
    until_equal(browser, FINALS, ["One."])
    assert browser.execute_script("dispatchEvent(new Event('online')); return sockets.length") == 2
    scripted_daemon.publish(final("Two.", "c2"))
    until_equal(browser, FINALS, ["One.", "Two."])
    assert browser.execute_script("return sockets.map(s => s.readyState < WebSocket.CLOSING)") == [False, True]


def test_restarted_daemon(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A new run of the daemon may reuse ids: its captions are appended to those of the old run, each once."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("Before.", "c1"))
    scripted_daemon.publish(partial("cut off", caption="c2"))
    until_equal(browser, FINALS, ["Before."])
    until_equal(browser, PARTIALS, ["cut off"])
    scripted_daemon.restart()
    scripted_daemon.publish(final("Missed.", "c1"))
    until_equal(browser, FINALS, ["Before.", "Missed."])
    scripted_daemon.publish(final("After.", "c2"))
    until_equal(browser, FINALS, ["Before.", "Missed.", "After."])
    assert browser.execute_script(PARTIALS) == []
    assert "restarted" in browser.find_element(By.CSS_SELECTOR, ".notice").text


@pytest.mark.parametrize(
    ("page", "growing", "settled"),
    [("", PARTIALS, FINALS), ("/overlay", OVERLAY, OVERLAY)],
    ids=["captions", "overlay"],
)
def test_empty_final_takes_the_partial_back(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, page: str, growing: str, settled: str
) -> None:
    """A caption whose final is empty disappears and leaves no line."""
    open_connected(browser, scripted_daemon.url + page)
    scripted_daemon.publish(partial("thank you for watch"))
    until_equal(browser, growing, ["thank you for watch"])
    scripted_daemon.publish(final(""))
    until_equal(browser, growing, [])
    assert browser.execute_script(settled) == []


def test_several_speakers_are_distinguished(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """With several sources, each has its own open partial, label and color."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(partial("Hello from the de", caption="c1", source="desk"))
    scripted_daemon.publish(partial("And from the stu", caption="c2", source="studio"))
    until_equal(browser, PARTIALS, ["Hello from the de", "And from the stu"])
    scripted_daemon.publish(final("And from the studio.", "c2", "studio"))
    scripted_daemon.publish(final("Hello from the desk.", "c1", "desk"))
    until_equal(browser, FINALS, ["Hello from the desk.", "And from the studio."])
    labels = browser.find_elements(By.CSS_SELECTOR, "#log .label")
    assert all(label.is_displayed() for label in labels)
    assert len({label.value_of_css_property("color") for label in labels}) == 2
    scripted_daemon.publish(final("I go on.", "c3", "studio"))
    until(browser, FINALS, lambda texts: texts[-1] == "I go on.", "a third line")
    labels = browser.find_elements(By.CSS_SELECTOR, "#log .label")
    shown = [label.is_displayed() for label in labels]
    assert shown == [True, True, False], "not repeated when the same speaker continues"


def test_state_in_plain_words(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The header shows the state of the microphone; screen readers announce problems, but not speech and silence."""
    open_connected(browser, scripted_daemon.url)
    announced = "return document.querySelector('#alerts[role=status]').textContent"
    read_out = "return document.querySelector('#state').closest('[aria-live], [role=status]')"
    assert browser.execute_script(read_out) is None
    for state, detail, words in [
        (State.LISTENING, "", "listening"),
        (State.SPEECH, "", "speech"),
        (State.LOST, "unplugged", "sound lost"),
        (State.WAITING, "", "waiting"),
    ]:
        scripted_daemon.publish(Status("desk", state, detail))
        until(browser, STATE, lambda text, words=words: words in text, f"{state} in words")
        until_equal(browser, announced, f"Sound lost: Desk. {detail}" if detail else "")


def test_lost_audio_is_reported(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Lost audio leaves one notice among the captions, from half a second on."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(Gap("desk", 10.0, 10.4))
    scripted_daemon.publish(partial("One", 3))
    scripted_daemon.publish(Gap("desk", 11.0, 13.0))
    scripted_daemon.publish(Gap("desk", 13.0, 13.5))
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(final("Two.", "c2"))
    until_equal(browser, FINALS, ["One.", "Two."])
    rows = "return Array.from(document.querySelectorAll('#log :is(.text, .notice)'), e => e.textContent)"
    assert browser.execute_script(rows) == ["One.", "2.5 s of sound was lost", "Two."]


def test_reader_who_scrolled_up_is_left_alone(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The page follows the newest caption until the reader scrolls up; a button leads back and counts new lines."""
    place = """const s = document.querySelector('#scroller');
               return [Math.round(s.scrollHeight - s.clientHeight - s.scrollTop) <= 1, Math.round(s.scrollTop)]"""
    for number in range(40):
        scripted_daemon.publish(final(f"Line {number}.", f"c{number}"))
    open_connected(browser, scripted_daemon.url)
    until_equal(browser, f"return (() => {{ {FINALS} }})().length", 40)
    until(browser, place, lambda at: at[0] and at[1] > 100, "at the end after history")
    scripted_daemon.publish(final("Line 40.", "c40"))
    until(browser, FINALS, lambda texts: texts[-1] == "Line 40.", "one more line")
    until(browser, place, lambda at: at[0], "at the end")

    browser.execute_script("document.querySelector('#scroller').scrollTop = 50")
    unfollowed = "return !document.querySelector('#scroller').classList.contains('following')"
    until_equal(browser, unfollowed, True)
    button = browser.find_element(By.ID, "newer")
    assert button.text == "Back to live"
    for number, text in [(41, "1 new line"), (42, "2 new lines")]:
        scripted_daemon.publish(final(f"Line {number}.", f"c{number}"))
        until_equal(browser, "return document.querySelector('#newer').textContent", f"Back to live · {text}")
    assert browser.execute_script(place) == [False, 50]

    button.click()
    until(browser, place, lambda at: at[0], "back at the end")
    until(browser, "return 0", lambda _: not button.is_displayed(), "the button is gone")
    scripted_daemon.publish(final("Line 43.", "c43"))
    until(browser, FINALS, lambda texts: texts[-1] == "Line 43.", "one more line")
    until(browser, place, lambda at: at[0], "at the end")


def test_screen_readers_hear_finals_only(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Finals are a polite live region, enabled after the history; partials, which change constantly, are hidden."""
    open_connected(browser, scripted_daemon.url)
    log = browser.find_element(By.ID, "log")
    assert log.get_attribute("role") == "log"
    until_equal(browser, "return document.querySelector('#log').getAttribute('aria-live')", "polite")
    scripted_daemon.publish(partial("Good mor"))
    until_equal(browser, PARTIALS, ["Good mor"])
    assert browser.execute_script("return document.querySelector('.tentative').closest('[aria-hidden=true]') !== null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, scheme: str) -> None:
    """Settled and tentative words, labels and the header have enough contrast (WCAG AA: 4.5 to 1) in both schemes."""
    set_media(browser, prefers_color_scheme=scheme)
    open_connected(browser, scripted_daemon.url)
    for number in range(6):
        scripted_daemon.publish(partial("Good morning", 4, f"c{number}", f"source {number}"))
    scripted_daemon.publish(Status("desk", State.LOST))
    until(browser, PARTIALS, lambda texts: len(texts) == 6, "six partials")
    until(browser, STATE, lambda text: "lost" in text, "the state")
    colors = "return Array.from(document.querySelectorAll(arguments[0]), e => getComputedStyle(e)[arguments[1]])"
    page, bar = (browser.execute_script(colors, name, "backgroundColor")[0] for name in ("body", "header"))
    assert (luminance(page) < 0.1) == (scheme == "dark")
    controls = "h1, .chip, .tool, .menu .row, .menu small"
    for selector, background in [(".stable, .tentative, .label", page), (controls, bar)]:
        for color in browser.execute_script(colors, selector, "color"):
            assert contrast(color, background) >= 4.5, (selector, color, background)


def test_transcript_links(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The page links to the transcript in four formats, and adds its token to each request."""
    open_connected(browser, f"{scripted_daemon.url}/?token=a%26b")
    links = "return Array.from(document.querySelectorAll('#transcript a[download]'), a => a.href)"
    kinds = ("txt", "srt", "vtt", "json")
    sets = ("", "set=current&")  # the whole session, and the set that is being written
    wanted = [f"{scripted_daemon.url}/transcript.{kind}?{part}token=a%26b" for part in sets for kind in kinds]
    until_equal(browser, links, wanted)
    assert "token=a%26b" in browser.execute_script("return sockets[0].url")
