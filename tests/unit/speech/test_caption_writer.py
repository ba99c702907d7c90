"""Ids, revisions and stable text of one source's captions."""

import pytest

from streamstt.engine.base import RecognizedWord
from streamstt.events import Final, Partial, Word
from streamstt.speech.caption_writer import CaptionWriter

DECODED_UNTIL = 32_000


def make_words(text: str, first: int = 0) -> list[RecognizedWord]:
    return [
        RecognizedWord(f" {word}", (first + i) * 8000, (first + i + 1) * 8000, 0.87654)
        for i, word in enumerate(text.split())
    ]


def test_partial_then_final() -> None:
    """A partial opens the caption, each says what is stable, and the final ends it with its words."""
    writer = CaptionWriter("mic")
    assert not writer.is_open
    assert writer.partial([], make_words("one"), DECODED_UNTIL, "en") == Partial(
        "mic", "mic-1", 1, 0.0, 2.0, "one", 0, "en"
    )
    assert writer.partial(make_words("one"), make_words("two", 1), DECODED_UNTIL, "en") == Partial(
        "mic", "mic-1", 2, 0.0, 2.0, "one two", 3, "en"
    )
    assert writer.is_open
    words = (Word("one", 0.0, 0.5, 0.877), Word("two.", 0.5, 1.0, 0.877))
    assert writer.final(make_words("one two."), DECODED_UNTIL, "en") == Final(
        "mic", "mic-1", 3, 0.0, 1.0, "one two.", words, "en"
    )
    assert not writer.is_open


def test_final_at_once() -> None:
    """A caption without partials has revision 1, and each caption its own id."""
    writer = CaptionWriter("mic")
    first, second = (
        writer.final(make_words("one"), DECODED_UNTIL, "en"),
        writer.final(make_words("two"), DECODED_UNTIL, "en"),
    )
    assert first
    assert second
    assert [(f.id, f.rev) for f in (first, second)] == [("mic-1", 1), ("mic-2", 1)]


def test_nothing_new_is_not_published() -> None:
    """A partial with the same text is left out; one in which more text is stable is not."""
    writer = CaptionWriter("mic")
    assert writer.partial([], [], DECODED_UNTIL, "en") is None
    assert writer.partial([], make_words("one two"), DECODED_UNTIL, "en")
    assert writer.partial([], make_words("one two"), 2 * DECODED_UNTIL, "en") is None
    more = writer.partial(make_words("one"), make_words("two", 1), DECODED_UNTIL, "en")
    assert more
    assert (more.rev, more.stable) == (2, 3)


def test_silence_has_no_caption() -> None:
    """No words and nothing shown: no final, and no id is used up."""
    writer = CaptionWriter("mic")
    assert writer.final([], DECODED_UNTIL, "en") is None
    assert writer.final([RecognizedWord("  ", 0, 1, 1.0)], DECODED_UNTIL, "en") is None
    final = writer.final(make_words("one"), DECODED_UNTIL, "en")
    assert final
    assert final.id == "mic-1"


def test_taken_back() -> None:
    """What was shown and turns out to be nothing ends in an empty final."""
    writer = CaptionWriter("mic")
    assert writer.partial([], make_words("you"), DECODED_UNTIL, "en")
    assert writer.partial([], [], DECODED_UNTIL, "en") == Partial("mic", "mic-1", 2, 2.0, 2.0, "", 0, "en")
    assert writer.final([], DECODED_UNTIL, "en") == Final("mic", "mic-1", 3, 2.0, 2.0, "", (), "en")


@pytest.mark.parametrize("text", ["", "two", "on", "One"])
def test_stable_text_never_changes(text: str) -> None:
    """A caller that would change stable text is stopped, with the caption's name."""
    writer = CaptionWriter("mic")
    assert writer.partial(make_words("one"), make_words("two", 1), DECODED_UNTIL, "en")
    with pytest.raises(RuntimeError, match="mic-1"):
        writer.final(make_words(text), DECODED_UNTIL, "en")
    with pytest.raises(RuntimeError, match="mic-1"):
        writer.partial(make_words(text), [], DECODED_UNTIL, "en")


def test_stable_text_ends_with_the_caption() -> None:
    """The next caption does not depend on the stable text of the last one."""
    writer = CaptionWriter("mic")
    assert writer.partial(make_words("one"), [], DECODED_UNTIL, "en")
    assert writer.final(make_words("one"), DECODED_UNTIL, "en")
    assert writer.partial(make_words("two"), [], DECODED_UNTIL, "en")


def test_space_at_the_end_is_not_stable() -> None:
    """A final has no space at its end, so the stable part of a partial has none either."""
    writer = CaptionWriter("mic")
    words = [*make_words("one"), RecognizedWord(" ", 8000, 8000, 1.0)]
    partial, final = writer.partial(words, [], DECODED_UNTIL, "en"), writer.final(words, DECODED_UNTIL, "en")
    assert partial
    assert final
    assert final.text == "one"
    assert final.text.startswith(partial.text[: partial.stable])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([" so", " early", "."], ["so", "early."]),
        ([" ill", "-disposed", " men"], ["ill-disposed", "men"]),
        (["\u65e9", "\u4e0a", "\u3002"], ["\u65e9", "\u4e0a\u3002"]),
        (["-disposed", " men"], ["-disposed", "men"]),
    ],
)
def test_late_fragments_belong_to_their_word(texts: list[str], words: list[str]) -> None:
    """A full stop, or the rest of a word, that was committed on its own is not a word of its own."""
    fragments = [RecognizedWord(text, i * 8000, (i + 1) * 8000, 0.9) for i, text in enumerate(texts)]
    final = CaptionWriter("mic").final(fragments, DECODED_UNTIL, "en")
    assert final
    assert [w.text for w in final.words] == words
    assert final.text == "".join(texts).strip()
    assert final.words[-1].end == len(texts) * 0.5


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([",", " so", " we", "."], "so we."),
        ([" ,", " so"], "so"),
        (["...", " and"], "and"),
        (["。", "次", "は"], "次は"),
        ([" ,so"], "so"),
        ([" .com", " is"], ".com is"),
        ([" ¿Qué"], "¿Qué"),
        ([".", " "], ""),
    ],
)
@pytest.mark.parametrize("committed", [0, 1, 2])
def test_a_caption_does_not_begin_with_a_comma(pieces: list[str], text: str, committed: int) -> None:
    """Punctuation of a sentence that has ended is dropped, in partials as in the final."""
    words = [RecognizedWord(piece, i * 8000, (i + 1) * 8000, 0.9) for i, piece in enumerate(pieces)]
    writer = CaptionWriter("mic")
    partial = writer.partial(words[:committed], words[committed:], DECODED_UNTIL, "en")
    assert (partial.text if partial else "") == text
    final = writer.final(words, DECODED_UNTIL, "en")
    assert (final.text if final else "") == text
    if final:
        assert "".join(final.text.split()) == "".join("".join(word.text for word in final.words).split())
