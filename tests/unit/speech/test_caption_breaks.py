"""Where captions end."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.speech.caption_breaks import WHOLE_LIMIT, calls_for_more, caption_break
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS
from streamstt.text.function_words import FUNCTION_WORDS
from tests.support.drawing import PROPERTY
from tests.support.paths import DATA

LONGEST = samples_from_ms(4000)
SENTENCES = json.loads((DATA / "sentences.json").read_text())
SPOKEN = [(language, text) for language, texts in SENTENCES.items() for text in texts if language not in {"ja", "zh"}]


def make_words(text: str, *, gaps: dict[int, int] | None = None, length_ms: int = 500) -> list[RecognizedWord]:
    """A word each half second; ``gaps``: ms of pause before the word of this number. "_" joins pieces of a word."""
    words, at = [], 0
    for i, word in enumerate(text.replace("_", " _").split()):
        at += (gaps or {}).get(i, 0)
        piece = word[1:] if word.startswith("_") else f" {word}"
        words.append(RecognizedWord(piece, samples_from_ms(at), samples_from_ms(at + length_ms), 1.0))
        at += length_ms
    return words


def caption_texts(words: list[RecognizedWord], language: str = "en", longest: int = LONGEST) -> list[str]:
    """The captions of a recording."""
    captions = []
    while words:
        count = caption_break(words, longest, language=language) or len(words)
        captions.append(join_words(words[:count]))
        words = words[count:]
    return captions


def live_caption_texts(words: list[RecognizedWord], batches: list[int], language: str = "en") -> list[str]:
    """The captions when words are committed a few at a time, and the words after them are not known yet."""
    captions, done, committed, sizes = [], 0, 0, iter(batches)
    while committed < len(words):
        stable, committed = committed - done, min(committed + next(sizes, 3), len(words))
        while count := caption_break(words[done:committed], LONGEST, stable, language):
            captions.append(join_words(words[done : done + count]))
            done, stable = done + count, 0
    return [*captions, join_words(words[done:])] if words[done:] else captions


@pytest.mark.parametrize(("language", "text"), SPOKEN)
def test_captions_end_with_sentences(language: str, text: str) -> None:
    """A caption ends with a sentence, and after no abbreviation, in each language."""
    ends = [part.split()[-1] for part in text.split("|")]
    captions = caption_texts(make_words(text.replace("|", " ")), language, longest=10**9)
    assert [caption for caption in captions if caption.split()[-1] not in ends] == []
    assert all(len(caption.split()) >= 3 for caption in captions[:-1])
    assert len(captions) == len(merge_short(text.split("|")))


def merge_short(sentences: list[str]) -> list[str]:
    """Joins sentences of less than three words with the next one."""
    merged = [""]
    for sentence in sentences:
        merged[-1] = f"{merged[-1]} {sentence}".strip()
        if len(merged[-1].split()) >= 3:
            merged.append("")
    return [sentence for sentence in merged if sentence]


@PROPERTY
@given(st.sampled_from(SPOKEN), st.lists(st.integers(1, 5), max_size=40))
def test_live_captions_end_with_sentences_too(spoken: tuple[str, str], batches: list[int]) -> None:
    """However few words are known at a time, no caption ends after an abbreviation, and nothing is lost."""
    language, text = spoken
    words = make_words(text.replace("|", " "), length_ms=100)
    captions = live_caption_texts(words, batches, language)
    ends = {part.split()[-1] for part in text.split("|")}
    assert all(caption.split()[-1] in ends for caption in captions)
    assert " ".join(captions) == " ".join(text.replace("|", " ").split())


def test_ordinary_sentences_do_not_wait() -> None:
    """An ordinary sentence ends its caption at once; after an abbreviation that may end one, the next word decides."""
    assert caption_break(make_words("It was late."), LONGEST, language="en") == 3
    assert caption_break(make_words("I said so to John."), LONGEST, language="en") == 5
    assert caption_break(make_words("Come at 5 p.m."), LONGEST, language="en") is None
    assert caption_break(make_words("Come at 5 p.m. The"), LONGEST, language="en") == 4
    assert caption_break(make_words("Come at 5 p.m. to"), LONGEST, language="en") is None
    assert caption_break(make_words("Come at 5 p.m."), LONGEST, language="en", following=make_words("We")) == 4


def test_pieces_are_one_word() -> None:
    """What the model writes in pieces is judged, and kept, as one word."""
    assert caption_texts(make_words("We come at 5 p_.m_. to eat.")) == ["We come at 5 p.m. to eat."]
    assert caption_texts(make_words("I talk to Dr_. Smith today.")) == ["I talk to Dr. Smith today."]
    assert caption_texts(make_words("It was late_. We went.")) == ["It was late.", "We went."]
    assert caption_texts(make_words("It costs about 3._5 euros today.")) == ["It costs about 3.5 euros today."]
    late = [*make_words("It was late."), RecognizedWord('"', 0, 1, 1.0)]
    assert caption_break(late[:3], LONGEST, language="en", following=late[3:]) is None
    assert caption_break(late, LONGEST, language="en") == 4


WHOLE = ("349, 999", "349 , 999", "555 0199", "Dr. Smith", "A. B. Smith", "example dot com", "john@ example .com",
         "1-800- 555 0199", "5 million", "10 000", "$ 349, 999", "No. 5", "Mr. and Mrs. Jones")  # fmt: skip
fill = st.lists(st.sampled_from(["red", "blue", "green", "white", "the", "to", "been"]), min_size=1, max_size=9)
pauses = st.dictionaries(st.integers(0, 30), st.integers(0, 900), max_size=12)


@PROPERTY
@given(st.lists(st.tuples(fill, st.sampled_from(WHOLE)), min_size=1, max_size=5), pauses)
def test_numbers_names_and_addresses_stay_whole(parts: list[tuple[list[str], str]], gaps: dict[int, int]) -> None:
    """Nothing that a reader sees as one is divided over two captions, wherever the pauses are."""
    text = " ".join(f"{' '.join(before)} {whole}" for before, whole in parts)
    captions = "|".join(caption_texts(make_words(text, gaps=gaps, length_ms=400)))
    assert captions.replace("|", " ") == text
    for whole in WHOLE:
        assert captions.count(whole) == captions.replace("|", " ").count(whole)


@PROPERTY
@given(st.data(), st.sampled_from(sorted(FUNCTION_WORDS)), pauses, st.lists(st.integers(1, 4), max_size=30))
def test_captions_end_where_a_reader_would_pause(
    data: st.DataObject, language: str, gaps: dict[int, int], batches: list[int]
) -> None:
    """No caption ends after a word that leans on the next one, though the pause there is the longest."""
    small = st.sampled_from(sorted(word for word in FUNCTION_WORDS[language] if word.isalpha()))
    phrases = data.draw(st.lists(st.lists(small, max_size=2), min_size=8, max_size=16))
    text = " ".join(" ".join([*phrase, "Xylem" if n % 5 == 4 else "xylem"]) for n, phrase in enumerate(phrases))
    words = make_words(text, gaps=gaps, length_ms=300)
    for captions in (caption_texts(words, language), live_caption_texts(words, batches, language)):
        assert all(caption.split()[-1].lower() == "xylem" for caption in captions)
        assert " ".join(captions) == text


@PROPERTY
@given(st.lists(st.sampled_from(["the", "5", "Dr.", "red", "p.m.", "example", "dot"]), min_size=30, max_size=60))
def test_captions_are_bounded(texts: list[str]) -> None:
    """Whatever is said, a caption is at most four times as long as it should be, and a word."""
    for before, after in pairwise(caption_texts(make_words(" ".join(texts)))):
        assert before
        assert after
        assert len(before.split()) <= WHOLE_LIMIT * 8 + 1


def test_a_long_pause_ends_a_caption_in_time() -> None:
    """From three quarters of the longest on, a caption ends with a pause, for its next words may be worse places."""
    words = make_words("red blue green white black gold gray pink", gaps={7: 300})
    assert caption_break(words, LONGEST, language="en") == 7
    assert caption_break(words[:7], LONGEST, language="en") is None
    leaning = make_words("red blue green white black the pink", gaps={6: 300}, length_ms=520)
    assert caption_break(leaning, LONGEST, language="en") is None


def test_numbers_are_no_clauses() -> None:
    """A comma inside a number ends no clause; one whose next word is unknown is waited for."""
    text = "they sold it for about 349, 999"
    assert caption_break(make_words(text)[:6], LONGEST, language="en") is None
    assert caption_break(make_words(text), LONGEST, language="en") is None
    assert caption_break(make_words("they sold it for about 349, and"), LONGEST, language="en") == 6


def test_without_spaces() -> None:
    """In scripts without spaces each piece is a word, but punctuation belongs to the one before."""
    words = [RecognizedWord(t, n * 8000, (n + 1) * 8000, 1.0) for n, t in enumerate("今日は晴れ。「明日")]
    assert caption_break(words, LONGEST, language="ja") == 6
    assert caption_break(words[:5], LONGEST, language="ja", following=words[5:]) is None


@pytest.mark.parametrize("end", SENTENCE_ENDS)
def test_a_sentence_ends_a_caption(end: str) -> None:
    """A caption ends with its first sentence, in any script."""
    words = make_words(f"it was late{end} we went")
    assert caption_break(words, LONGEST) == 3
    assert caption_break(words[:2], LONGEST) is None


def test_a_short_sentence_does_not() -> None:
    """Less than three words are no sentence: Mr. and No. 5 stay with what follows."""
    assert caption_break(make_words("Mr. Smith"), LONGEST) is None
    assert caption_break(make_words("No. five."), LONGEST) is None
    assert caption_break(make_words("Mr. Smith went. Then"), LONGEST) == 3


@pytest.mark.parametrize("end", sorted(set(CLAUSE_ENDS) - set(SENTENCE_ENDS)))
def test_a_clause_ends_the_second_half(end: str) -> None:
    """A clause ends a caption that is longer than half of the longest, not a shorter one."""
    assert caption_break(make_words(f"red blue green white black{end} gold"), LONGEST) == 5
    assert caption_break(make_words(f"red blue green white{end} black"), LONGEST) is None


def test_the_longest() -> None:
    """Without a mark, a caption that is too long ends before its longest pause in the second half."""
    text = "red blue green white black gold gray pink"
    assert caption_break(make_words(text), LONGEST) is None
    assert caption_break(make_words(f"{text} brown", gaps={6: 100}), LONGEST) == 6
    assert caption_break(make_words(f"{text} brown", gaps={2: 200, 5: 50}), LONGEST) == 5
    assert caption_break(make_words(text, gaps={7: 1000}), LONGEST) == 7


def test_a_caption_may_be_twice_too_long() -> None:
    """Up to twice its length a caption waits for a better place than after "the"; inside a number it waits longer."""
    assert caption_break(make_words("the " * 15), LONGEST, language="en") is None
    assert caption_break(make_words("the " * 17), LONGEST, language="en") is not None
    assert caption_break(make_words("5 " * 31), LONGEST, language="en") is None
    assert caption_break(make_words("5 " * 33), LONGEST, language="en") is not None


def test_one_endless_word() -> None:
    """A single word that is longer than a caption may be ends it."""
    assert caption_break([RecognizedWord(" aah", 0, LONGEST + 1, 1.0)], LONGEST) == 1


@pytest.mark.parametrize("stable_words", range(10))
def test_never_before_stable_words(stable_words: int) -> None:
    """Words that are shown as stable stay in the open caption, whatever they end with."""
    words = make_words("we saw it. red blue, green white black gold gray", gaps={4: 300})
    count = caption_break(words, LONGEST, stable_words)
    assert count is not None
    assert count >= max(stable_words, 1)
    assert count == 3 or stable_words > 3


def test_a_stable_sentence_end_still_ends_it() -> None:
    """A caption whose stable words end a sentence ends with them."""
    assert caption_break(make_words("one two three. four"), LONGEST, 3) == 3
    assert caption_break(make_words("one two three. four"), LONGEST, 4) is None


def test_nothing() -> None:
    """No words, no caption."""
    assert caption_break([], LONGEST) is None


@pytest.mark.parametrize(
    ("text", "following", "ends"),
    [
        pytest.param("Send it to Mary.", "", True, id="nothing follows yet"),
        pytest.param("Send it to Mary.", "_jones", False, id="the rest of the word"),
        pytest.param("Send it to Mary.", "Then call", True, id="a sentence"),
        pytest.param("It cost 3 million.", "412,605 dollars", False, id="a number goes on"),
        pytest.param("It cost 3 million.", "", False, id="a number may go on"),
        pytest.param("We met in September.", "2026 was hot", False, id="a date goes on"),
        pytest.param("It cost 3 million.", "Then we", True, id="a number is complete"),
    ],
)
def test_a_full_stop_inside_a_number(text: str, following: str, ends: bool) -> None:
    """A caption does not end where a number or date may go on, though the model writes a full stop."""
    count = len(text.split())
    words = make_words(f"{text} {following}")
    assert caption_break(words[:count], LONGEST, 0, "en", words[count:]) == (count if ends else None)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("We talked about", True),
        ("We met Dr.", True),
        ("Call 1-800.", True),
        ("We met on Friday", True),
        ("That is how it was.", False),
        ("We met Jones", False),
        ("That was the one", False),
        ("Is that what you came for?", False),
        ("", False),
    ],
)
def test_words_that_call_for_more(text: str, more: bool) -> None:
    """A reader goes on after a preposition, a title, or what may be half a number or date."""
    assert calls_for_more(make_words(text), "en") == more
