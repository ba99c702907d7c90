"""Words on the overlay stay where they are, and within the box, measured at every frame in a real Chromium."""

import random
from itertools import chain, zip_longest

import pytest
from selenium import webdriver

from tests.support.caption_streams import Speaker, any_stream, arabic_word, growing_words, kanji_word, latin_word
from tests.support.overlay_replay import replay
from tests.support.pages import ScriptedDaemon

SCRIPTS = {
    "latin": ("en", latin_word, "."),
    "arabic": ("ar", arabic_word, "؟"),
    "japanese": ("ja", kanji_word, "。"),
}


@pytest.mark.parametrize("speakers", [1, 2])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shown_word_stays_when_its_caption_is_cut(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, script: str, speakers: int
) -> None:
    """A word that was shown stays on its line and in its place while it is visible, in whichever caption it ends."""
    language, make_word, end = SCRIPTS[script]
    chance = random.Random(script)
    turns = [Speaker(f"s{n}", language, make_word, chance, end).speak(150 // speakers) for n in range(speakers)]
    batches = [batch for batch in chain.from_iterable(zip_longest(*turns)) if batch]
    measured = replay(browser, f"{scripted_daemon.url}/overlay?chars=32&lines=3&clear=0", batches)
    assert measured.frames > 150
    assert measured.moves == []
    assert measured.outside == []


@pytest.mark.parametrize(
    "query", ["", "?chars=20&lines=3&labels=on&upper=1", "?mode=popon&min=0.2&cps=60", "?size=9&tentative=hide"]
)
def test_no_line_leaves_the_box(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, query: str) -> None:
    """Whatever is said, by however many, in any order of partials and finals, every line is within the box."""
    stream = any_stream(len(query), 240)
    measured = replay(browser, f"{scripted_daemon.url}/overlay{query}", stream, sizes=[(1280, 720), (390, 844)])
    assert measured.frames == len(stream)
    assert measured.outside == []


def test_no_growing_word_leaves_the_box(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A word of 300 letters that grows, of several speakers at once, is within the box at every length."""
    measured = replay(browser, f"{scripted_daemon.url}/overlay", list(growing_words(300, 5)))
    assert measured.frames > 300
    assert measured.outside == []
