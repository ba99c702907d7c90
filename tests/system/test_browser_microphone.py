"""The browser's microphone as a source: Chromium's fake device plays a recording, the real daemon captions it.

Every test ends with an empty console. A script takes the place of Whisper, except in one test.
"""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.support.brokers import free_port
from tests.support.browser import UNREACHABLE, chromium, console_messages, forget_visits, until, until_equal
from tests.support.daemon import DATA, SCRIPT, SENTENCES, tokens_in
from tests.support.forked import Daemon, WhisperDaemon
from tests.support.pages import FINALS, PARTIALS, REMEMBER

FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FIRST = SENTENCES[0]
WORDS = "return document.querySelector('#microphone-words').textContent"
ON = "The microphone is on, as Anna's laptop."
OFF = "The microphone is off."


@contextmanager
def speaking(folder: Path, recording: str = "long_sentence") -> Iterator[webdriver.Chrome]:
    """Starts a browser whose microphone plays a recording repeatedly."""
    samples, rate = soundfile.read(DATA / f"{recording}.flac", dtype="int16")
    soundfile.write(folder / "microphone.wav", samples, rate, subtype="PCM_16")
    with chromium(folder, *FAKE, f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}") as browser:
        yield browser
        assert console_messages(browser, *UNREACHABLE, "favicon") == []


@pytest.fixture(scope="module")
def shared_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with speaking(tmp_path_factory.mktemp("speaking")) as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A browser as nobody has used it before, with such a microphone; its console stays empty."""
    yield shared_browser
    forget_visits(shared_browser)
    assert console_messages(shared_browser, *UNREACHABLE, "favicon") == []


@pytest.fixture
def waiting(script: list[str]) -> Iterator[Daemon]:
    with Daemon(*script, "--source", "ws") as daemon:
        yield daemon


def start(browser: webdriver.Chrome, url: str, name: str = "Anna's laptop") -> None:
    """Opens the page and its microphone panel, and starts the microphone."""
    browser.get(url)
    browser.find_element(By.ID, "microphone-open").click()
    browser.switch_to.active_element.send_keys(name)
    again(browser)


def again(browser: webdriver.Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, "#microphone-form [type=submit]").click()


def until_words(browser: webdriver.Chrome, fits: Callable[[Any], bool]) -> None:
    until(browser, WORDS, fits, "the text of the panel")


def test_browser_becomes_a_source(waiting: Daemon, browser: webdriver.Chrome) -> None:
    """Captions appear during speech, under the name that was typed; after the stop the last ones become final, and the
    browser releases the microphone."""
    listening = """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
                   navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));"""
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": listening})
    start(browser, waiting.url)
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    until_words(browser, lambda text: text == ON)
    until(browser, PARTIALS, lambda texts: any("Every word" in text for text in texts), "words during speech")
    meters = "return Array.from(document.querySelectorAll('[role=meter].active'), e => e.ariaLabel)"
    named = ["Level of Anna's laptop", "Level of this device’s microphone"]  # noqa: RUF001 - as it is written
    until_equal(browser, meters, named)
    until(browser, FINALS, lambda texts: FIRST in texts, "the first sentence")
    until(browser, PARTIALS, bool, "the next sentence has begun")
    browser.execute_script(REMEMBER, "#state", "states")
    browser.find_element(By.ID, "microphone-stop").click()
    until_equal(browser, "return stream.getTracks().map(t => t.readyState)", ["ended"])
    until_words(browser, lambda text: text == OFF)
    until_equal(browser, PARTIALS, [])
    finals = browser.execute_script(FINALS)
    assert len(finals) >= 2
    assert SCRIPT.startswith(" ".join(finals)[: len(SCRIPT)])
    gone = "Anna's laptop has left"
    until(browser, "return states", lambda texts: any(gone in text for text in texts), "the source is gone")
    again(browser)
    until_words(browser, lambda text: text == ON)
    browser.execute_script("stream.getTracks()[0].dispatchEvent(new Event('ended'))")  # as if it were unplugged
    until_words(browser, lambda text: "was disconnected" in text)
    assert browser.find_element(By.ID, "microphone-form").is_displayed()


def test_lost_connection(script: list[str], browser: webdriver.Chrome) -> None:
    """When the daemon dies, the panel says so; when it is back, audio continues and the loss is shown."""
    port = str(free_port())
    with Daemon(*script, "--source", "ws", "--port", port) as first:
        start(browser, first.url)
        until_words(browser, lambda text: text == ON)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        until_words(browser, lambda text: "No connection" in text)
        assert "problem" in browser.find_element(By.ID, "microphone-words").get_attribute("class")
        with Daemon(*script, "--source", "ws", "--port", port):
            until_words(browser, lambda text: re.fullmatch(f"{ON} [0-9.]+ s of sound was lost[.]", text))
            until(browser, PARTIALS, bool, "words again")


def test_token(script: list[str], tmp_path: Path, browser: webdriver.Chrome) -> None:
    """A token with the role speaker can be entered, a viewer's is not enough; it is kept for the tab, not on disk."""
    state = tmp_path / "state"
    demands = ["--source", "ws", "--set", "server.require_token=true"]
    with Daemon(*script, *demands, env={"STATE_DIRECTORY": str(state)}) as daemon:
        key = tokens_in(state)
        start(browser, f"{daemon.url}/?token={key['viewer']}")
        until_words(browser, lambda text: "requires a speaker" in text)
        field = browser.switch_to.active_element
        assert field.accessible_name == "Speaker’s token"  # noqa: RUF001 - as it is written
        field.send_keys(key["viewer"])
        again(browser)
        until_words(browser, lambda text: "needs the role speaker" in text)
        field.clear()
        field.send_keys(key["speaker"])
        again(browser)
        until_words(browser, lambda text: text == ON)
        kept = "return [sessionStorage, localStorage].map(storage => JSON.stringify(storage))"
        session, local = browser.execute_script(kept)
        assert key["speaker"] in session
        assert key["speaker"] not in local
        assert key["speaker"] not in daemon.log


REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{}'));"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (REFUSED.format("NotAllowedError"), "not allowed to use the microphone"),
        (REFUSED.format("NotFoundError"), "has no microphone"),
        (REFUSED.format("NotReadableError"), "another program may be using it"),
        (REFUSED.format("AbortError"), "cannot be used (AbortError)"),
        ("Object.defineProperty(window, 'isSecureContext', {value: false})", "tls_certificate"),
        ("AudioWorkletNode = undefined", "cannot capture sound here"),
    ],
    ids=["not-allowed", "no-device", "busy", "other", "insecure", "old-browser"],
)
def test_reasons_for_no_sound(browsers: webdriver.Chrome, change: str, sentence: str) -> None:
    """Each reason why there is no sound is explained, and the microphone can be started again."""
    browsers.execute_script(change)
    browsers.find_element(By.ID, "microphone-open").click()
    again(browsers)
    until_words(browsers, lambda text: sentence in text)
    assert browsers.find_element(By.ID, "microphone-form").is_displayed()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that accepts no audio clients."""
    script = tmp_path_factory.mktemp("script") / "script.json"
    script.write_text('{"words": []}')
    with Daemon("--model", f"script:{script}", "--source", "ws", "--set", "server.max_audio_clients=0") as daemon:
        yield daemon


@pytest.fixture
def browsers(browser: webdriver.Chrome, full: Daemon) -> webdriver.Chrome:
    """A browser that shows the page of this daemon."""
    browser.get(full.url)
    return browser


def test_server_that_is_full(browsers: webdriver.Chrome) -> None:
    """The server's message is shown, with the setting that it names; the microphone is released."""
    browsers.find_element(By.ID, "microphone-open").click()
    again(browsers)
    until_words(browsers, lambda text: "max_audio_clients" in text)
    assert not browsers.find_element(By.ID, "microphone-live").is_displayed()


def test_real_speech(tmp_path: Path) -> None:
    """Whisper recognizes what the browser's microphone hears."""
    engine = ["--model", "tiny.en", "--language", "en", "--source", "ws"]
    with WhisperDaemon(*engine) as daemon, speaking(tmp_path, recording="short") as browser:
        start(browser, daemon.url)
        transcript = "return document.querySelector('#column').innerText.toLowerCase()"
        spoken = set(re.findall(r"[a-z]{5,}", (DATA / "short.txt").read_text().lower()))
        half = len(spoken) / 2
        until(browser, transcript, lambda text: len(spoken & set(re.findall(r"[a-z]+", text))) >= half, "its words")
