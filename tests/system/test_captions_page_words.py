"""Words on the captions page stay where they are, measured at every frame in a real Chromium."""

import random
from itertools import chain, product, zip_longest

import pytest
from selenium import webdriver

from streamstt.events import Event, Gap
from tests.support.browser import set_viewport, until, until_equal
from tests.support.caption_streams import Speaker, any_stream, arabic_word, growing_words, kanji_word, latin_word
from tests.support.overlay_replay import replay
from tests.support.pages import FINALS, PARTIALS, ScriptedDaemon, final, open_connected, partial

SCRIPTS = {
    "latin": ("en", latin_word, "."),
    "arabic": ("ar", arabic_word, "؟"),
    "japanese": ("ja", kanji_word, "。"),
}
SIZES = {"room": (1280, 720), "phone": (390, 844)}

# All rows from top to bottom: [text, top on the page].
ROWS = """
  const top = e => e.getBoundingClientRect().top - document.querySelector('#rows').getBoundingClientRect().top;
  return Array.from(document.querySelectorAll('.caption .text'), e => [e.textContent, Math.round(top(e))])
    .sort((one, other) => one[1] - other[1]);
"""
LONG = "It was a long day and nobody wanted to go home yet because there was so much to say and to hear about"


@pytest.mark.parametrize(
    ("script", "speakers", "size"),
    [
        ("latin", 1, "phone"),
        ("latin", 2, "room"),
        ("latin", 3, "phone"),
        ("arabic", 1, "room"),
        ("arabic", 2, "phone"),
        ("japanese", 1, "room"),
        ("japanese", 2, "phone"),
    ],
)
def test_a_shown_word_stays(
    browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, script: str, speakers: int, size: str
) -> None:
    """Whoever speaks, and whichever captions end, a word that is shown stays on its line and in its place."""
    set_viewport(browser, *SIZES[size])
    language, make_word, end = SCRIPTS[script]
    chance = random.Random(script)
    turns = [Speaker(f"s{n}", language, make_word, chance, end).speak(120 // speakers) for n in range(speakers)]
    batches = [batch for batch in chain.from_iterable(zip_longest(*turns)) if batch]
    measured = replay(browser, scripted_daemon.url, batches, "captions")
    assert measured.frames > 110
    assert measured.moves == []
    assert measured.outside == []


def test_a_comma_moves_no_word(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Punctuation that is added to the last word of a line does not move the word, however full the line is."""
    set_viewport(browser, *SIZES["phone"])
    batches = []
    for words, letters in product(range(4, 15), range(1, 9)):
        text = "word " * words + "i" * letters
        caption = {"source": "desk", "id": f"{words}-{letters}", "language": "en", "stable": 0}
        batches += [[caption | {"type": "partial", "text": text + end}] for end in ("", "!!")]
        batches.append([caption | {"type": "final", "text": ""}])
    measured = replay(browser, scripted_daemon.url, batches, "captions")
    assert measured.frames == len(batches)
    assert measured.moves == []


def test_no_line_leaves_the_page(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Whatever is said, in any order of partials and finals, every line is within the page."""
    stream = any_stream(1, 100)
    measured = replay(browser, scripted_daemon.url, stream, "captions", sizes=[*SIZES.values()])
    assert measured.frames == len(stream)
    assert measured.outside == []


def test_no_growing_word_leaves_the_page(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A word of 300 letters that grows, of several speakers at once, is within the page at every length."""
    measured = replay(browser, scripted_daemon.url, list(growing_words(300, 10)), "captions")
    assert measured.frames > 150
    assert measured.outside == []


def test_each_speaker_has_a_place(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Rows are in the order in which they began, whichever ends first; what is said next goes below all of them."""
    open_connected(browser, scripted_daemon.url)

    def show(*events: Event) -> None:
        for event in events:
            scripted_daemon.publish(event)

    def rows(*texts: str) -> None:
        until(browser, ROWS, lambda shown: tuple(text for text, _ in shown) == texts, f"rows {texts}")

    show(partial("The first speaks", 5, "a1", "anna"))
    show(partial("The second", 5, "b1", "ben"))
    rows("The first speaks", "The second")
    places = browser.execute_script(ROWS)
    show(final("The second.", "b1", "ben"))
    rows("The first speaks", "The second.")
    show(final("The first speaks.", "a1", "anna"), partial("Then the first goes on", 5, "a2", "anna"))
    rows("The first speaks.", "The second.", "Then the first goes on")
    assert [top for _, top in browser.execute_script(ROWS)][:2] == [top for _, top in places]
    until_equal(browser, FINALS, ["The first speaks.", "The second."])


def test_a_row_above_others_does_not_grow(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """While a row of another speaker is below it, a caption that needs another line goes on in a new row at the end."""
    open_connected(browser, scripted_daemon.url)
    scripted_daemon.publish(partial(LONG, 10, "a1", "anna"))
    until_equal(browser, PARTIALS, [LONG])
    scripted_daemon.publish(partial("Yes.", 0, "b1", "ben"))
    until_equal(browser, PARTIALS, [LONG, "Yes."])
    before = browser.execute_script(ROWS)
    longer = f"{LONG} what had happened to us, and what had not happened to us, and what might happen to us"
    scripted_daemon.publish(partial(longer, 10, "a1", "anna"))
    until(browser, ROWS, lambda shown: len(shown) == 3, "a third row")
    scripted_daemon.publish(final("Yes.", "b1", "ben"))
    scripted_daemon.publish(final(longer, "a1", "anna"))
    until(browser, FINALS, lambda texts: len(texts) == 3, "three final rows")
    (first, top), (yes, middle), (last, _) = browser.execute_script(ROWS)
    assert (yes, top, middle) == ("Yes.", before[0][1], before[1][1])
    assert f"{first} {last}" == longer


def test_a_withdrawn_caption_leaves_its_place(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Words below a caption that is withdrawn or shortened do not move up, nor those above the last one down."""
    open_connected(browser, scripted_daemon.url)
    top = """const word = Array.from(document.querySelectorAll('.text')).find(e => e.textContent.startsWith('Yes'));
             return word && Math.round(word.getBoundingClientRect().top)"""
    scripted_daemon.publish(partial(LONG * 2, 0, "a1", "anna"))
    scripted_daemon.publish(partial("Yes.", 0, "b1", "ben"))
    until(browser, PARTIALS, lambda texts: len(texts) == 2, "two rows")
    place = browser.execute_script(top)
    scripted_daemon.publish(partial("It", 0, "a1", "anna"))
    until_equal(browser, PARTIALS, ["It", "Yes."])
    assert browser.execute_script(top) == place
    scripted_daemon.publish(final("", "a1", "anna"))
    until_equal(browser, PARTIALS, ["Yes."])
    assert browser.execute_script(top) == place
    scripted_daemon.publish(final("Yes.", "b1", "ben"))
    scripted_daemon.publish(partial(LONG * 2, 0, "a2", "anna"))
    until_equal(browser, PARTIALS, [LONG * 2])
    place = browser.execute_script(top)
    scripted_daemon.publish(final("", "a2", "anna"))
    until_equal(browser, PARTIALS, [])
    assert browser.execute_script(top) == place


def test_the_time_moves_no_word(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """On a phone, where times are above the words, a final that brings its time leaves its words in place."""
    set_viewport(browser, *SIZES["phone"])
    open_connected(browser, scripted_daemon.url)
    browser.execute_script("document.querySelector('#times').click()")
    scripted_daemon.publish(final("Before.", "c0"))
    scripted_daemon.publish(partial("Good morning", 0, "c1"))
    until_equal(browser, PARTIALS, ["Good morning"])
    _, (_, before) = browser.execute_script(ROWS)
    scripted_daemon.publish(final("Good morning", "c1"))
    until_equal(browser, FINALS, ["Before.", "Good morning"])
    assert browser.execute_script("return document.querySelector('#log time').getBoundingClientRect().height") > 10
    _, (_, after) = browser.execute_script(ROWS)
    assert after == before


def test_another_width_breaks_lines_anew(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """In a window of another size, or with larger letters, every caption fills its lines again."""
    open_connected(browser, scripted_daemon.url)
    texts = [f"{LONG} {number}" for number in range(3)]
    for number, source in enumerate(["anna", "ben", "anna"]):
        scripted_daemon.publish(partial(texts[number], 0, f"c{number}", source))
    scripted_daemon.publish(Gap("anna", 1.0, 2.0))
    scripted_daemon.publish(final(texts[2], "c2", "anna"))
    until(browser, FINALS, lambda finals: finals == texts[2:], "a final")
    within = """const box = document.querySelector('#scroller').getBoundingClientRect();
      return Array.from(document.querySelectorAll('.text'), e => {
        const range = document.createRange(); range.selectNodeContents(e);
        const { left, right, width } = range.getBoundingClientRect();
        return left >= box.left && right <= box.right && width > 0.6 * e.clientWidth; }).every(Boolean)"""
    apart = """const boxes = Array.from(document.querySelectorAll('.text'), e => e.getBoundingClientRect());
      const above = (one, other) => one.bottom <= other.top;
      return boxes.every(one => boxes.every(other => one === other || above(one, other) || above(other, one)))"""
    for size in [(500, 800), (1280, 720), (320, 256)]:
        set_viewport(browser, *size)
        until_equal(browser, within, True)
        until_equal(browser, apart, True)
    set_viewport(browser, 1280, 720)
    for _ in range(3):
        browser.execute_script("document.querySelector('#larger').click()")
        until_equal(browser, within, True)
        until_equal(browser, apart, True)
