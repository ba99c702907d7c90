"""Ids, revisions and promises of one source's captions."""

import pytest

from streamstt.engine.base import RecognizedWord
from streamstt.events import Final, Partial, Word
from streamstt.speech.caption_writer import CaptionWriter

HEARD = 32_000


def heard(text: str, first: int = 0) -> list[RecognizedWord]:
    return [
        RecognizedWord(f" {word}", (first + i) * 8000, (first + i + 1) * 8000, 0.87654)
        for i, word in enumerate(text.split())
    ]


def test_partial_then_final() -> None:
    """A partial opens the caption, each says what is stable, and the final ends it with its words."""
    writer = CaptionWriter("mic")
    assert not writer.is_open
    assert writer.partial([], heard("one"), HEARD, "en") == Partial("mic", "mic-1", 1, 0.0, 2.0, "one", 0, "en")
    assert writer.partial(heard("one"), heard("two", 1), HEARD, "en") == Partial(
        "mic", "mic-1", 2, 0.0, 2.0, "one two", 3, "en"
    )
    assert writer.is_open
    words = (Word("one", 0.0, 0.5, 0.877), Word("two.", 0.5, 1.0, 0.877))
    assert writer.final(heard("one two."), HEARD, "en") == Final("mic", "mic-1", 3, 0.0, 1.0, "one two.", words, "en")
    assert not writer.is_open


def test_final_at_once() -> None:
    """A caption without partials has revision 1, and each caption its own id."""
    writer = CaptionWriter("mic")
    first, second = writer.final(heard("one"), HEARD, "en"), writer.final(heard("two"), HEARD, "en")
    assert first
    assert second
    assert [(f.id, f.rev) for f in (first, second)] == [("mic-1", 1), ("mic-2", 1)]


def test_nothing_new_is_not_said() -> None:
    """A partial that says the same is left out; one that only promises more is not."""
    writer = CaptionWriter("mic")
    assert writer.partial([], [], HEARD, "en") is None
    assert writer.partial([], heard("one two"), HEARD, "en")
    assert writer.partial([], heard("one two"), 2 * HEARD, "en") is None
    more = writer.partial(heard("one"), heard("two", 1), HEARD, "en")
    assert more
    assert (more.rev, more.stable) == (2, 3)


def test_silence_says_nothing() -> None:
    """No words and nothing shown: no final, and no id is used up."""
    writer = CaptionWriter("mic")
    assert writer.final([], HEARD, "en") is None
    assert writer.final([RecognizedWord("  ", 0, 1, 1.0)], HEARD, "en") is None
    final = writer.final(heard("one"), HEARD, "en")
    assert final
    assert final.id == "mic-1"


def test_taken_back() -> None:
    """What was shown and turns out to be nothing ends in an empty final."""
    writer = CaptionWriter("mic")
    assert writer.partial([], heard("you"), HEARD, "en")
    assert writer.partial([], [], HEARD, "en") == Partial("mic", "mic-1", 2, 2.0, 2.0, "", 0, "en")
    assert writer.final([], HEARD, "en") == Final("mic", "mic-1", 3, 2.0, 2.0, "", (), "en")


@pytest.mark.parametrize("text", ["", "two", "on", "One"])
def test_a_broken_promise_is_never_published(text: str) -> None:
    """A caller that would change stable text is stopped, with the caption's name."""
    writer = CaptionWriter("mic")
    assert writer.partial(heard("one"), heard("two", 1), HEARD, "en")
    with pytest.raises(RuntimeError, match="mic-1"):
        writer.final(heard(text), HEARD, "en")
    with pytest.raises(RuntimeError, match="mic-1"):
        writer.partial(heard(text), [], HEARD, "en")


def test_promises_end_with_the_caption() -> None:
    """The next caption is free of what the last one promised."""
    writer = CaptionWriter("mic")
    assert writer.partial(heard("one"), [], HEARD, "en")
    assert writer.final(heard("one"), HEARD, "en")
    assert writer.partial(heard("two"), [], HEARD, "en")


def test_space_at_the_end_is_no_promise() -> None:
    """A final has no space at its end, so the stable part of a partial has none either."""
    writer = CaptionWriter("mic")
    words = [*heard("one"), RecognizedWord(" ", 8000, 8000, 1.0)]
    partial, final = writer.partial(words, [], HEARD, "en"), writer.final(words, HEARD, "en")
    assert partial
    assert final
    assert final.text == "one"
    assert final.text.startswith(partial.text[: partial.stable])


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([" so", " early", "."], ["so", "early."]),
        ([" ill", "-disposed", " men"], ["ill-disposed", "men"]),
        (["\u65e9", "\u4e0a", "\u3002"], ["\u65e9", "\u4e0a\u3002"]),
        (["-disposed", " men"], ["-disposed", "men"]),
    ],
)
def test_what_comes_late_belongs_to_its_word(pieces: list[str], words: list[str]) -> None:
    """A full stop, or the rest of a word, that was committed on its own is not a word of its own."""
    heard_pieces = [RecognizedWord(text, i * 8000, (i + 1) * 8000, 0.9) for i, text in enumerate(pieces)]
    final = CaptionWriter("mic").final(heard_pieces, HEARD, "en")
    assert final
    assert [w.text for w in final.words] == words
    assert final.text == "".join(pieces).strip()
    assert final.words[-1].end == len(pieces) * 0.5
