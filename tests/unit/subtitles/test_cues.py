"""A caption as cues that a viewer can read."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.events import Final, Word
from streamstt.subtitles.cues import Cue, make_cues
from streamstt.subtitles.labels import make_label_style
from streamstt.text.characters import width
from streamstt.text.function_words import FUNCTION_WORDS
from tests.support.captions import final
from tests.support.drawing import PROPERTY

LONG = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness."
JAPANESE = "今日は天気がとても良いので公園に行って友達と一緒にお弁当を食べました。"


def texts(cues: list[Cue]) -> list[str]:
    return [" ".join(cue.lines) for cue in cues]


def test_a_cue_lasts() -> None:
    """A cue ends after it begins, whatever the times of its caption: players drop others."""
    for end in (1.0, 0.5):
        (cue,) = make_cues(final("x", 1.0, end), until=1.0)
        assert cue.end > cue.start == 1.0


def test_clauses_are_cues() -> None:
    """A caption is divided, and a cue broken, where a clause ends."""
    text = "It was the season of all light, and we were seen going direct to heaven by all of them."
    assert [cue.lines for cue in make_cues(final(text, 0, 7))] == [
        ("It was the season of all light,",),
        ("and we were seen going direct", "to heaven by all of them."),
    ]


def test_no_word_by_itself() -> None:
    """Text that fits on two lines is one cue."""
    text = "Please leave the window open for a while because this room is very warm today."
    (cue,) = make_cues(final(text))
    assert cue.lines == ("Please leave the window open for a while", "because this room is very warm today.")


@pytest.mark.parametrize("count", range(14, 60))
@pytest.mark.parametrize("label", ["", "mic", "The long name of a meeting room"])
def test_no_cue_is_filled_to_the_brim_and_none_is_a_rest(count: int, label: str) -> None:
    """The cues of a caption are about equally long, and so are the lines of each."""
    words = ("yellow lemons ripen slowly under warm southern skies beside quiet rivers " * 8).split()[:count]
    cues = make_cues(final(" ".join(words), 0, count / 2), label)
    widths = [sum(map(width, cue.lines[-2:] if len(label) < 9 else cue.lines[1:])) for cue in cues]
    assert min(widths) > 0.6 * max(widths)
    assert all(2 * min(map(width, cue.lines)) > max(map(width, cue.lines)) for cue in cues if len(label) < 9)


def test_words_that_are_said_fast() -> None:
    """Words that are said very fast are shown for a second."""
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    slow = [(f"{word}teen", n * 0.6) for n, word in enumerate(words.split())]
    spoken = tuple(Word(text, at, at + 0.6, 0.9) for text, at in slow)
    fast = tuple(Word(f"{text}", 10.2 + n / 20, 10.25 + n / 20, 0.9) for n, text in enumerate(words.split()[:9]))
    caption = Final("mic", "1", 1, 0.0, 10.65, " ".join(w.text for w in (*spoken, *fast)), (*spoken, *fast), "en")
    cues = make_cues(caption, until=10.65)
    assert all(cue.end - cue.start >= 1 for cue in cues)


def test_without_words() -> None:
    """A caption without matching words is divided in proportion to its letters."""
    bare = replace(final(LONG, 0.0, 23.0), words=(Word("?", 0.0, 1.0, 0.5),))
    first, second = make_cues(bare)
    assert 0 == first.start < first.end == second.start < second.end == 23.0


@pytest.mark.parametrize("begin", range(30))
def test_japanese_words_are_whole(begin: int) -> None:
    """Japanese cues and lines begin with a word."""
    text = (JAPANESE * 4)[begin:]
    cues = make_cues(replace(final(text, 0, 8), language="ja"))
    lines = [line for cue in cues for line in cue.lines]
    assert "".join(lines) == text
    assert not any(line.startswith(tuple("がにとをしったまの。")) for line in lines[1:])


WHOLE = ("10 000 kg", "Dr. Nguyen", "9 o'clock")


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("count", range(6, 24))
def test_what_belongs_together_is_in_one_line(whole: str, count: int) -> None:
    """A number and its unit, or a title and its name, are not divided, though they are in the middle."""
    lines = [line for cue in make_cues(final(f"{'red ' * count}{whole}{' red' * count}", 0, 9)) for line in cue.lines]
    assert any(whole in line for line in lines)


def test_marks_stay_with_their_letter() -> None:
    """No line begins with a vowel sign."""
    text = "\N{MYANMAR LETTER KA}\N{MYANMAR VOWEL SIGN AA}\N{MYANMAR SIGN VISARGA}" * 70
    lines = [line for cue in make_cues(replace(final(text, 0, 9), language="my")) for line in cue.lines]
    assert all(line.startswith("\N{MYANMAR LETTER KA}") for line in lines)
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("label", "first_line"),
    [
        ("mic", "mic: Yes."),
        (" John  Smith ", "John Smith: Yes."),
        ("Dr. Anna Meyer-Lang", "Dr. Anna Meyer-Lang: Yes."),
        ("Meeting room, first floor, north", "Meeting room, first floor, north:"),
        ("alsa_input.usb-Blue_Microphones_Yeti_X_0001-00.analog-stereo", "alsa_input.usb-Blue_…001-00.analog-stereo:"),
        ("会議室" * 3, "会議室" * 3 + ": Yes."),
        ("会議室" * 4, "会議室" * 4 + ":"),
        ("a name of 22 columns..", "a name of 22 columns..: Yes."),
        ("a name of 23 columns...", "a name of 23 columns...:"),
    ],
)
def test_names(label: str, first_line: str) -> None:
    """A name is before the text; a long one is on its own line, and a very long one is shortened in the middle."""
    for cue in make_cues(final("Yes."), label):
        assert cue.lines[0] == first_line
        assert all(width(line) <= 42 for line in cue.lines)


def test_a_long_word_is_whole() -> None:
    """A name makes way for a word that would not fit beside it."""
    address = "https://www.city-library.org/events/2026"
    cues = make_cues(final(f"Please have a look at {address} today.", 0, 6), "mic")
    assert all(cue.lines[0] == "mic:" for cue in cues)
    assert any(address in cue.lines[1] for cue in cues)


PARTS = (
    *("a", "the", "been", "word", "words,", "over.", "Dr.", "25 kg", "10 000", "electricity", "U.S.", "übermorgen"),
    *("x" * 50, "так", "今日は", "สวัสดี", "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"),
)
LABELS = ("", "mic", "a name of 22 columns..", "a name of 23 columns ..", "x" * 99, "会" * 30)


@st.composite
def captions(draw: st.DrawFn, parts: tuple[str, ...] = PARTS) -> Final:
    """Captions whose words have any durations, and pauses between them."""
    at, words = 3.0, []
    for text in " ".join(draw(st.lists(st.sampled_from(parts), min_size=1, max_size=40))).split():
        start = round(at + draw(st.sampled_from((0, 0, 0, 0.1, 0.9))), 3)
        at = round(start + draw(st.sampled_from((0, 0.04, 0.1, 0.2, 0.3, 0.5, 2))), 3)
        words.append(Word(text, start, at, 0.9))
    language = draw(st.sampled_from(("", "en", "de", "ja", "th")))
    return Final("mic", "1", 1, words[0].start, at, " ".join(w.text for w in words), tuple(words), language)


@PROPERTY
@given(captions(), st.sampled_from(LABELS), st.sampled_from((0.0, 0.3, 2.0, 99.0)))
def test_cues_are_readable(caption: Final, label: str, pause: float) -> None:
    """All words once and in order, at most two lines of 42 columns, the name in each, no overlap, a second if possible.

    A cue may only be shorter if the caption, and the pause after it, are shorter than a second for each cue.
    """
    until = round(caption.end + pause, 3)
    cues = make_cues(caption, label, until)
    named = label and cues[0].lines[0].endswith(":")
    style = make_label_style(label, 99 if named else 0)
    shown = ""
    for cue in cues:
        assert len(cue.lines) <= 2
        assert all(0 < width(line) <= 42 for line in cue.lines)
        assert cue.lines[0].startswith(style.name_line or style.prefix)
        shown += "".join(cue.lines[1:] if style.name_line else (cue.lines[0][len(style.prefix) :], *cue.lines[1:]))
    assert "".join(shown.split()) == "".join(caption.text.split())
    assert cues[0].start == caption.start
    assert all(before.end == after.start for before, after in pairwise(cues))
    room = max(until - caption.start, 0.001 * len(cues))
    assert min(cue.end - cue.start for cue in cues) >= min(1.0, room / len(cues)) - 0.002
    assert caption.end - 0.001 <= cues[-1].end <= max(until, caption.start + 0.001 * len(cues)) + 0.001


@PROPERTY
@given(captions(("red", "green", "yellow", "orange,", "violet", "the", "of")))
def test_cues_are_alike(caption: Final) -> None:
    """Of a caption of ordinary words, no cue is a rest, and none ends with a word that leans on the next one."""
    steady = tuple(replace(w, start=3 + 0.3 * n, end=3.3 + 0.3 * n) for n, w in enumerate(caption.words))
    cues = make_cues(replace(caption, words=steady, end=steady[-1].end, language="en"))
    widths = [sum(map(width, cue.lines)) for cue in cues]
    assert min(widths) > 0.4 * max(widths)
    if not {"the", "of"}.issuperset(caption.text.split()[-9:]):
        leaning = sum(text.split()[-1] in FUNCTION_WORDS["en"] for text in texts(cues)[:-1])
        assert leaning <= sum(w.text in FUNCTION_WORDS["en"] for w in caption.words) / 4
