"""The captions page and the overlay, in a real Chromium against a real server.

Every test also ends with an empty browser console: no error, no warning, no breach of the content security policy.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException, NoAlertPresentException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from streamstt.captioning.remote_source import RemoteSource, RemoteSourceRequest
from streamstt.config.server import ServerSettings as Settings
from streamstt.events import Event, Final, Gap, Partial, State, Status
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import ClientError, DaemonInfo, SourceInfo
from streamstt.server.server import CaptionServer
from tests.support.brokers import free_port

FINALS = "return Array.from(document.querySelectorAll('#log .caption .text'), e => e.textContent)"
PARTIALS = "return Array.from(document.querySelectorAll('#partials .text'), e => e.textContent)"
STATE = "return document.querySelector('#state').textContent.toLowerCase()"
OVERLAY = "return Array.from(document.querySelectorAll('#lines .line'), e => e.textContent)"
ON_AIR = "return document.body.innerText.trim()"

# Keeps as window[arguments[1]] each text that an element has had, in their order: some do not stay for long.
REMEMBER = """
  const [selector, name] = arguments;
  const kept = window[name] = [];
  const note = () => {
    const text = document.querySelector(selector).textContent;
    if (text !== kept.at(-1)) kept.push(text);
  };
  note();
  new MutationObserver(note).observe(document.body, {
    attributes: true, characterData: true, childList: true, subtree: true });
"""

XSS = '<img src=x onerror="window.ran=1;alert(1)"><script>window.ran=1</script>'


class ScriptedDaemon:
    """The real hub and server on a thread of their own; what is published is what the test says."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-daemon")
        self._thread.start()
        self._runs = 0
        self._port = free_port()  # the later runs take the same
        self.url = self._call(self._start()).rstrip("/")

    @property
    def viewers(self) -> int:
        """How many pages are connected."""
        return self._hub.viewers

    def publish(self, event: Event) -> None:
        """Hands an event to all clients."""
        self._loop.call_soon_threadsafe(self._hub.publish, event)

    def restart(self) -> None:
        """Ends the server and begins a new session on the same port."""
        self._call(self._server.drain())
        self._call(self._start())

    def close(self) -> None:
        """Ends server and thread."""
        try:
            self._call(self._server.drain())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=90)
            self._loop.close()

    async def _start(self) -> str:
        self._runs += 1
        now = "2025-01-01T12:00:00+00:00"
        about = DaemonInfo(
            version="0", session=f"run-{self._runs}", started_at=now, model="base", precision="int8", language="en"
        )
        self._hub = Hub(about, history=100, hello_history=50, queue=500)
        self._hub.add_source(SourceInfo("desk", "Desk", now))
        self._server = CaptionServer(Settings(host="127.0.0.1", port=self._port), self._hub, NoIngest())
        return await self._server.start()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=90)


class NoIngest:
    """Takes no remote audio."""

    def add_remote_source(self, request: RemoteSourceRequest) -> RemoteSource:
        raise ClientError("full", "no audio here")


@pytest.fixture
def scripted_daemon(request: pytest.FixtureRequest) -> Iterator[ScriptedDaemon]:
    page = request.getfixturevalue("browser") if "browser" in request.fixturenames else None
    daemon = ScriptedDaemon()
    try:
        yield daemon
        if page:
            page.get("about:blank")  # what it may still be loading would be missed, and its console must be empty
    finally:
        daemon.close()


def partial(text: str, stable: int = 0, caption: str = "c1", source: str = "desk", rev: int = 1) -> Partial:
    return Partial(source, caption, rev, 0.0, 1.0, text, stable, "en")


def final(text: str, caption: str = "c1", source: str = "desk") -> Final:
    return Final(source, caption, 99, 0.0, 1.0, text, (), "en")


def until_equal(browser: webdriver.Chrome, script: str, expected: Any) -> None:
    """Waits until the script gives the expected value; says what it gave instead."""
    until(browser, script, lambda value: value == expected, f"expected {expected!r}")


def until(browser: webdriver.Chrome, script: str, fits: Callable[[Any], bool], message: str) -> None:
    seen: list[Any] = []

    def check(driver: webdriver.Chrome) -> bool:
        try:
            seen[:] = [driver.execute_script(script)]
        except JavascriptException as missing:  # what it looks at is not there yet
            seen[:] = [missing.msg]
            return False
        return fits(seen[0])

    try:
        WebDriverWait(browser, 90, poll_frequency=0.05).until(check)
    except Exception as error:
        raise AssertionError(f"{message}, the page has {seen!r}") from error


def open_connected(browser: webdriver.Chrome, url: str) -> None:
    """Opens a page and records its WebSockets as ``sockets``; returns when the first is greeted."""
    recorder = """
      window.sockets = [];
      window.WebSocket = class extends WebSocket {
        constructor(...values) {
          super(...values);
          sockets.push(this);
          this.addEventListener('message', () => { this.greeted = true; });
        }
      };
    """
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": recorder})
    browser.get(url)
    until_equal(browser, "return sockets.at(-1)?.greeted ?? false", True)


# --- Captions page ---------------------------------------------------------------------------------------------------


def test_partial_grows_into_its_final(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Partials of a caption replace one another, and its final takes their place, each with the exact text."""
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
    """The first ``stable`` characters, as Python counts them, look settled; the rest looks different."""
    open_connected(browser, scripted_daemon.url + page)
    parts = [
        ("Good morning", " every one"),
        ("👩\u200d🚀🎉 lift-off", " in te\u0301n 🚀"),
        ("", "🎉 all of it open"),
        ("日本語の字幕𠮷", "です"),
        ("All settled 🎉", ""),
    ]
    split = "return ['stable', 'tentative'].map(name => document.querySelector('.' + name)?.textContent)"
    colours = "return ['stable', 'tentative'].map(n => getComputedStyle(document.querySelector('.' + n)).color)"
    for number, (stable, tentative) in enumerate(parts):
        scripted_daemon.publish(partial(stable + tentative, len(stable), f"c{number}"))
        until_equal(browser, split, [stable, tentative])
        assert len(set(browser.execute_script(colours))) == 2
        scripted_daemon.publish(final("", f"c{number}"))


def test_text_is_never_markup(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Markup in text, source and detail is shown as it is, and no script of it runs."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(Status(XSS, State.LOST, XSS))
    scripted_daemon.publish(partial("Good morning", source="desk"))
    scripted_daemon.publish(partial(XSS, 5, source=XSS, caption="c2"))
    until(browser, ON_AIR, lambda text: XSS in text, "the markup is readable as a partial")
    scripted_daemon.publish(final(XSS, source=XSS, caption="c2"))
    until(browser, FINALS, lambda texts: any(XSS in text for text in texts), "the markup is readable as a final")
    label = "return Array.from(document.querySelectorAll('.label'), e => e.textContent)"
    assert XSS in browser.execute_script(label)
    assert browser.execute_script("return window.ran ?? null") is None
    assert browser.find_elements(By.CSS_SELECTOR, "img, body script") == []
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text


def test_late_reader_gets_history(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Who comes late sees what was said, what is being said, and what the microphone does."""
    scripted_daemon.publish(Status("desk", State.SPEECH))
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(final("Two.", "c2"))
    scripted_daemon.publish(partial("Thr", caption="c3"))
    browser.get(scripted_daemon.url)
    until_equal(browser, FINALS, ["One.", "Two."])
    until_equal(browser, PARTIALS, ["Thr"])
    until(browser, STATE, lambda text: "speech" in text, "the state of the microphone")


def test_final_never_changes(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """What comes for a caption after its final, such as the same final again, is passed over."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(partial("On", caption="c1"))
    scripted_daemon.publish(final("One.", "c1"))
    scripted_daemon.publish(final("Two.", "c2"))
    until_equal(browser, FINALS, ["One.", "Two."])
    assert browser.execute_script(PARTIALS) == []


def test_lost_connection_resumes(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """After a lost connection the page asks for what it missed, and shows each final once."""
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
    """The ``online`` event cuts the wait short, and loses or repeats nothing even when the connection was alive."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(final("One.", "c1"))
    until_equal(browser, FINALS, ["One."])
    assert browser.execute_script("dispatchEvent(new Event('online')); return sockets.length") == 2
    scripted_daemon.publish(final("Two.", "c2"))
    until_equal(browser, FINALS, ["One.", "Two."])
    assert browser.execute_script("return sockets.map(s => s.readyState < WebSocket.CLOSING)") == [False, True]


def test_restarted_daemon(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A new run of the daemon may use the old ids: its captions follow the old ones, no more, no less."""
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
    """What turned out to be no speech disappears and leaves no line."""
    open_connected(browser, scripted_daemon.url + page)
    scripted_daemon.publish(partial("thank you for watch"))
    until_equal(browser, growing, ["thank you for watch"])
    scripted_daemon.publish(final(""))
    until_equal(browser, growing, [])
    assert browser.execute_script(settled) == []


def test_speakers_are_told_apart_when_there_are_several(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon
) -> None:
    """With more than one source each has one open partial, a label, and a colour of its own."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(partial("Hello from the de", caption="c1", source="desk"))
    scripted_daemon.publish(partial("And from the stu", caption="c2", source="studio"))
    until_equal(browser, PARTIALS, ["Hello from the de", "And from the stu"])
    scripted_daemon.publish(final("And from the studio.", "c2", "studio"))
    scripted_daemon.publish(final("Hello from the desk.", "c1", "desk"))
    until_equal(browser, FINALS, ["And from the studio.", "Hello from the desk."])
    labels = browser.find_elements(By.CSS_SELECTOR, "#log .label")
    assert all(label.is_displayed() for label in labels)
    assert len({label.value_of_css_property("color") for label in labels}) == 2
    scripted_daemon.publish(final("I go on.", "c3", "desk"))
    until(browser, FINALS, lambda texts: texts[-1] == "I go on.", "a third line")
    labels = browser.find_elements(By.CSS_SELECTOR, "#log .label")
    assert [label.is_displayed() for label in labels] == [True, True, False]  # not repeated for who simply goes on


def test_state_in_plain_words(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The header says what the microphone does; trouble is announced, the turns of speech and silence are not."""
    open_connected(browser, scripted_daemon.url)
    announced = "return document.querySelector('#alerts[role=status]').textContent"
    read_out = "return document.querySelector('#state').closest('[aria-live], [role=status]')"
    assert browser.execute_script(read_out) is None
    for state, detail, words in [
        (State.LISTENING, "", "listening"),
        (State.SPEECH, "", "speech"),
        (State.LOST, "unplugged", "microphone lost"),
        (State.WAITING, "", "waiting"),
    ]:
        scripted_daemon.publish(Status("desk", state, detail))
        until(browser, STATE, lambda text, words=words: words in text, f"{state} in words")
        until_equal(browser, announced, f"Microphone lost: Desk. {detail}" if detail else "")


def test_lost_sound_is_told(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A gap leaves a note in the transcript."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(Gap("desk", 10.0, 12.5))
    notice = "return document.querySelector('#log .notice')?.textContent ?? ''"
    until(browser, notice, lambda text: "2.5 s of sound" in text, "a note of the gap")


def test_reader_who_scrolled_up_is_left_alone(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The page stays at the end until the reader scrolls up; then new lines are counted, and a button leads back."""
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
    assert not button.is_displayed()
    for number, text in [(41, "1 new line"), (42, "2 new lines")]:
        scripted_daemon.publish(final(f"Line {number}.", f"c{number}"))
        until_equal(browser, "return document.querySelector('#newer').textContent", text)
    assert browser.execute_script(place) == [False, 50]

    button.click()
    until(browser, place, lambda at: at[0], "back at the end")
    until(browser, "return 0", lambda _: not button.is_displayed(), "the button is gone")
    scripted_daemon.publish(final("Line 43.", "c43"))
    until(browser, FINALS, lambda texts: texts[-1] == "Line 43.", "one more line")
    until(browser, place, lambda at: at[0], "at the end")


def test_screen_readers_hear_finals_only(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Finals are a polite log, switched on after history; partials, which change all the time, are hidden from it."""
    open_connected(browser, scripted_daemon.url)
    log = browser.find_element(By.ID, "log")
    assert log.get_attribute("role") == "log"
    until_equal(browser, "return document.querySelector('#log').getAttribute('aria-live')", "polite")
    scripted_daemon.publish(partial("Good mor"))
    until_equal(browser, PARTIALS, ["Good mor"])
    assert browser.execute_script("return document.querySelector('.tentative').closest('[aria-hidden=true]') !== null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, scheme: str) -> None:
    """Settled and tentative words, labels and the header are readable (WCAG AA: 4.5 to 1) in both colour schemes."""
    emulated = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
    open_connected(browser, scripted_daemon.url)
    for number in range(6):
        scripted_daemon.publish(partial("Good morning", 4, f"c{number}", f"source {number}"))
    scripted_daemon.publish(Status("desk", State.LOST))
    until(browser, PARTIALS, lambda texts: len(texts) == 6, "six partials")
    until(browser, STATE, lambda text: "lost" in text, "the state")
    colours = "return Array.from(document.querySelectorAll(arguments[0]), e => getComputedStyle(e)[arguments[1]])"
    page, bar = (browser.execute_script(colours, name, "backgroundColor")[0] for name in ("body", "header"))
    assert (luminance(page) < 0.1) == (scheme == "dark")
    controls = "h1, .chip, .tool, .menu .row, .menu small"
    for selector, background in [(".stable, .tentative, .label", page), (controls, bar)]:
        for colour in browser.execute_script(colours, selector, "color"):
            dark, light = sorted([luminance(colour), luminance(background)])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (selector, colour, background)


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_transcript_links(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """The page offers the transcript in its four formats, and hands its token on to each request of the daemon."""
    open_connected(browser, f"{scripted_daemon.url}/?token=a%26b")
    links = "return Array.from(document.querySelectorAll('#transcript a[download]'), a => a.href)"
    wanted = [f"{scripted_daemon.url}/transcript.{kind}?token=a%26b" for kind in ("txt", "srt", "vtt", "json")]
    until_equal(browser, links, wanted)
    assert "token=a%26b" in browser.execute_script("return sockets[0].url")
