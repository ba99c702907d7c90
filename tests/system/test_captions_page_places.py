"""What stays in its place on the captions page: the header, the line that is read, and the way back to the live end.

In a real Chromium with the real hub and server. Each test begins as a new reader and ends with an empty console.
"""

from collections.abc import Callable

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from streamstt.events import State, Status
from tests.support.browser import set_viewport, until, until_equal
from tests.support.captions_page import ALERTS, by_id
from tests.support.pages import FINALS, PARTIALS, ScriptedDaemon, final, partial

# ---- the live end

LIVE = """
  const s = document.querySelector('#scroller');
  return [s.scrollHeight - s.clientHeight - s.scrollTop < 2, document.querySelector('#newer').hidden];
"""
# Where the line that was the first one in view is in the window.
READ = """
  const { top } = document.querySelector('#scroller').getBoundingClientRect();
  window.read ??= [...document.querySelectorAll('#log .caption')].find((row) => row.getBoundingClientRect().top >= top);
  return Math.round(read.getBoundingClientRect().top);
"""


def scroll_by_key(key: str) -> Callable[[webdriver.Chrome], None]:
    return lambda page: by_id(page, "scroller").send_keys(key)


def scroll_by_wheel(page: webdriver.Chrome) -> None:
    wheel = {"type": "mouseWheel", "x": 200, "y": 400, "deltaX": 0, "deltaY": -120}
    page.execute_cdp_cmd("Input.dispatchMouseEvent", wheel)


def scroll_by_finger(page: webdriver.Chrome) -> None:
    for kind, points in [("touchStart", [300]), *(("touchMove", [y]) for y in range(320, 520, 20)), ("touchEnd", [])]:
        touches = [{"x": 200, "y": y} for y in points]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


@pytest.mark.parametrize(
    "scroll",
    [
        scroll_by_key(Keys.PAGE_UP),
        scroll_by_key(Keys.HOME),
        scroll_by_key(Keys.ARROW_UP),
        scroll_by_wheel,
        scroll_by_finger,
    ],
    ids=["page up", "home", "up", "wheel", "finger"],
)
def test_back_to_live(
    page: webdriver.Chrome, scripted_daemon: ScriptedDaemon, scroll: Callable[[webdriver.Chrome], None]
) -> None:
    """However the reader leaves the live end while somebody speaks, a button leads back; at the end there is none."""
    set_viewport(page, 390, 700)
    scripted_daemon.publish_finals(*[f"Line {number}." for number in range(40)])
    until(page, FINALS, lambda texts: len(texts) == 40, "all finals")
    until_equal(page, LIVE, [True, True])
    for number in range(10):
        scripted_daemon.publish(partial("on and " * 10 * number, 0, "p"))
        if number == 5:
            scroll(page)
    until_equal(page, LIVE, [False, False])
    scripted_daemon.publish(final("The end.", "p"))
    button = by_id(page, "newer")
    until(page, "return document.querySelector('#newer').textContent", lambda text: "1 new line" in text, "one more")
    button.send_keys(Keys.ENTER)
    until_equal(page, LIVE, [True, True])
    assert page.switch_to.active_element == by_id(page, "scroller")


def test_the_place_of_the_reader(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A line that is read stays where it is if the window or the text changes its size, or a message comes above."""
    set_viewport(page, 390, 700)
    scripted_daemon.publish_finals(*[f"Line {number} has some more words, and then some." for number in range(40)])
    until(page, FINALS, lambda texts: len(texts) == 40, "all finals")
    until_equal(page, LIVE, [True, True])
    page.execute_script("document.querySelector('#scroller').scrollTop -= 300")
    until_equal(page, LIVE, [False, False])
    place = page.execute_script(READ)

    def stays(now: int) -> bool:
        return abs(now - place) <= 1

    for width, height in [(700, 390), (390, 400), (390, 700)]:
        set_viewport(page, width, height)
        until_equal(page, "return innerWidth", width)
        until(page, READ, stays, "the line stays")
    for button in ["larger", "larger", "smaller", "smaller"]:
        page.execute_script("document.getElementById(arguments[0]).click()", button)
        until(page, READ, stays, "the line stays")
    scripted_daemon.publish(Status("desk", State.LISTENING, "The sound is too loud."))
    until(page, ALERTS, len, "a message")
    until(page, READ, stays, "the line stays")
    until_equal(page, LIVE, [False, False])


# ---- the header

# Keeps as `moved` what has moved in the header, from the next frame on, and as `heights` its height with each state.
WATCH_HEADER = """
  window.moved = [];
  window.heights = {};
  const [header, state] = [document.querySelector('header'), document.querySelector('#state')];
  new MutationObserver(() => {
    heights[state.textContent] = header.getBoundingClientRect().height;
  }).observe(state, { childList: true, subtree: true });
  const watch = () => new PerformanceObserver((list) => {
    const nodes = list.getEntries().flatMap(({ sources }) => sources.map(({ node }) => node?.parentElement));
    moved.push(...nodes.filter((node) => node?.closest('header')).map((node) => node.outerHTML));
  }).observe({ type: 'layout-shift' });
  requestAnimationFrame(() => requestAnimationFrame(() => arguments[0](watch())));
"""
HEADER = "const { width, height } = document.querySelector('header').getBoundingClientRect(); return [width, height]"


@pytest.mark.parametrize(("width", "height"), [(360, 740), (820, 1180), (1280, 720), (320, 256)])
@pytest.mark.parametrize("guests", [0, 4])
def test_the_header_is_still(
    page: webdriver.Chrome, scripted_daemon: ScriptedDaemon, width: int, height: int, guests: int
) -> None:
    """Nothing moves in the header while states and levels change and captions flow, nor when the connection is lost."""
    set_viewport(page, width, height)
    sources = ["desk", *["Anna", "Benedikt Hinterhuber-Langenscheidt of the other house", "Saal links", "C"][:guests]]
    for source in sources:
        scripted_daemon.publish(Status(source, State.LISTENING))
    until_equal(page, "return document.querySelectorAll('#state .meter').length", len(sources))
    page.execute_async_script(WATCH_HEADER)
    before = page.execute_script(HEADER)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    states = [State.SPEECH, State.WAITING, State.LISTENING, State.LOST, State.SPEECH]
    for turn in range(len(states)):
        peak = page.execute_script("return document.querySelector('#state .peak').style.transform")
        with scripted_daemon.tone(0.5 / 4**turn):
            for n, source in enumerate(sources):
                scripted_daemon.publish(Status(source, states[(turn + n) % len(states)]))
            scripted_daemon.publish(partial(f"Hello {turn}", 0, "p", rev=turn))
            until_equal(page, PARTIALS, [f"Hello {turn}"])
            now = "return document.querySelector('#state .peak').style.transform"
            until(page, now, lambda value, before=peak: value not in {before, "none"}, "another level")
        assert page.execute_script(HEADER) == before
    page.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 0))")
    assert page.execute_script("return moved") == []
    page.execute_script("sockets.at(-1).close()")
    until(page, "return Object.keys(heights)", lambda texts: any("No connection" in text for text in texts), "a loss")
    until_equal(page, "return document.querySelectorAll('#state .meter').length", len(sources))
    assert set(page.execute_script("return Object.values(heights)")) == {before[1]}
