"""Words on the overlay stay where they are, and within the box, measured at every frame in a real Chromium."""

import random
from itertools import chain, zip_longest

import pytest
from selenium import webdriver

from tests.support.browser import set_media, until
from tests.support.caption_streams import Speaker, any_stream, arabic_word, growing_words, kanji_word, latin_word
from tests.support.overlay import RECORD, WATCH
from tests.support.overlay_replay import replay
from tests.support.pages import ScriptedDaemon, final, open_connected, partial

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
    stream = any_stream(len(query), 160)
    measured = replay(browser, f"{scripted_daemon.url}/overlay{query}", stream, sizes=[(1280, 720), (390, 844)])
    assert measured.frames == len(stream)
    assert measured.outside == []


def test_no_growing_word_leaves_the_box(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A word of 300 letters that grows, of several speakers at once, is within the box at every length."""
    measured = replay(browser, f"{scripted_daemon.url}/overlay", list(growing_words(300, 10)))
    assert measured.frames > 150
    assert measured.outside == []


# The labels of the visible rows, with the first letter of the words of each.
LABELS = """
  const clip = document.querySelector('#clip').getBoundingClientRect();
  const isVisible = (row) => row.getBoundingClientRect().bottom > clip.top + 5;
  const rows = [...document.querySelectorAll('#lines .line:not(.vacant)')].filter(isVisible);
  const textOf = (row, part) => row.querySelector(part)?.textContent ?? '';
  return rows.map((row) => [textOf(row, '.label'), textOf(row, '.stable')[0]]);
"""


@pytest.mark.parametrize("query", ["", "?lines=3&chars=24", "?lines=4&chars=30&position=top", "?lines=1&upper=1"])
def test_the_top_line_keeps_its_label(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, query: str) -> None:
    """The topmost line of each speaker has the label, also when others are below; no word moves when it appears."""
    names = {"D": "Desk", "A": "Anna", "L": "Somebody with a name that is longer than any line"}
    for letter in "AL":
        scripted_daemon.add_source(names[letter], names[letter])
    set_media(browser, prefers_reduced_motion="reduce")
    open_connected(browser, f"{scripted_daemon.url}/overlay{query}")
    browser.execute_script(WATCH)
    for turn, speaker in enumerate("DADLDA"):
        source = "desk" if speaker == "D" else names[speaker]
        words = [f"{speaker}{'o' * (n % 7)}" for n in range(24)]
        for count in range(1, len(words) + 1):
            text = " ".join(words[:count])
            scripted_daemon.publish(partial(text, len(text), f"c{turn}", source, rev=count))
            last = "return [...document.querySelectorAll('#lines .line')].map(e => e.textContent).join(' ')"
            until(browser, last, lambda shown, word=words[count - 1]: shown.upper().endswith(word.upper()), "the word")
            above = ""
            for label, letter in browser.execute_script(LABELS):
                assert bool(label) == (letter != above), (count, letter)
                assert names[letter].startswith(label.removesuffix("…"))
                above = letter
        scripted_daemon.publish(final(text, f"c{turn}", source))
    assert browser.execute_script("return shifts") == []


def test_each_phrase_has_its_label(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A phrase that is longer than the screen has the speaker's label on each screen."""
    open_connected(browser, f"{scripted_daemon.url}/overlay?mode=popon&labels=on&chars=20&min=0.2&cps=60")
    browser.execute_script(RECORD)
    scripted_daemon.publish(final(" ".join(f"word{number}" for number in range(10, 26))))
    until(browser, "return shownRows.flat().join(' ')", lambda text: "word25" in text, "the whole phrase")
    screens = [rows for rows in browser.execute_script("return shownRows") if rows]
    assert len(screens) > 2
    for first, *others in screens:
        assert first.startswith("Deskword")
        assert not any(row.startswith("Desk") for row in others)
