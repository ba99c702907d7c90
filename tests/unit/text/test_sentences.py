"""Where sentences end, in many languages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.text.abbreviations import ABBREVIATIONS, COMMON
from streamstt.text.characters import SENTENCE_ENDS
from streamstt.text.function_words import FUNCTION_WORDS
from streamstt.text.line_breaking import break_lines
from streamstt.text.sentences import ends_sentence
from tests.support.drawing import PROPERTY
from tests.support.paths import DATA

# "|": a sentence ends there; nowhere else does one.
TEXTS = json.loads((DATA / "sentences.json").read_text())


@pytest.mark.parametrize("language", TEXTS)
def test_where_sentences_end(language: str) -> None:
    """Sentences end where a reader would say so, in each language."""
    found = []
    for text in TEXTS[language]:
        *words, last = text.replace("|", " ").split()
        ends = [ends_sentence(words[: n + 1], [*words, last][n + 1], language) for n in range(len(words))]
        marked = [f"{word}|" if end else f"{word} " for word, end in zip(words, ends, strict=True)]
        found.append("".join([*marked, last]))
    assert found == TEXTS[language]


@pytest.mark.parametrize("language", TEXTS)
def test_the_future_changes_no_answer(language: str) -> None:
    """Without the next word, an answer is the one that the next word gives, or there is none yet."""
    for text in TEXTS[language]:
        words = text.replace("|", " ").split()
        for n, following in enumerate(words[1:], 1):
            early = ends_sentence(words[:n], None, language)
            assert early is None or early == ends_sentence(words[:n], following, language), text


@pytest.mark.parametrize("sign", SENTENCE_ENDS)
@pytest.mark.parametrize("closer", ["", '"', "”", "»", ")", "」", "\u2019"])
@pytest.mark.parametrize("language", ["", "en", "de", "ru", "ja", "ar", "xx"])
def test_plain_sentences_do_not_wait(sign: str, closer: str, language: str) -> None:
    """The end of an ordinary sentence is known at once, in any script, also before a closing quotation mark."""
    for word in ("late", "später", "поздно", "です", "متأخر"):
        assert ends_sentence([f"{word}{sign}{closer}"], None, language) is True


@pytest.mark.parametrize("word", ["late", "late,", "3", "Dr", "", ",", "3.5", "example.com", "a.m", "…so"])
def test_no_sign_no_end(word: str) -> None:
    """Without a sign at its end, a word ends no sentence, whatever follows."""
    assert ends_sentence([word], None, "en") is False
    assert ends_sentence([word], "The", "en") is False


@pytest.mark.parametrize("language", sorted(ABBREVIATIONS))
def test_titles_never_wait(language: str) -> None:
    """After a title or the like no sentence ends, so that nothing is waited for."""
    for entry in ABBREVIATIONS[language].internal | {"Dr", "Mr", "Prof", "vs"}:
        if entry.lower() in ABBREVIATIONS[language].numbered | ABBREVIATIONS[language].final:
            continue
        for following in (None, "Smith", "the", "5"):
            assert ends_sentence([f"{entry}."], following, language) is False, entry
        assert ends_sentence([f"({entry}."], None, language) is False


def test_lists_do_not_contradict_each_other() -> None:
    """An abbreviation is in one list of its language; none is an ordinary small word of it."""
    for language, lists in {**ABBREVIATIONS, "": COMMON}.items():
        groups = [lists.internal, lists.numbered, lists.final, lists.rarely_final]
        entries = [entry for group in groups for entry in group]
        assert len(entries) == len(set(entries)), language
        assert not any(entry.endswith(".") for entry in entries)
        long = {entry for entry in entries if len(entry) > 2} - {"mr", "mrs"}
        assert not long & FUNCTION_WORDS.get(language, frozenset())


@PROPERTY
@given(
    st.lists(st.text(max_size=8).filter(lambda text: not any(map(str.isspace, text))), min_size=1, max_size=3),
    st.none() | st.text(max_size=8),
    st.sampled_from(["", *ABBREVIATIONS, "ja", "zh", "ko", "el"]),
)
def test_any_text_has_an_answer(words: list[str], following: str | None, language: str) -> None:
    """No text makes it fail, and with the next word there is always an answer."""
    answer = ends_sentence(words, following, language)
    assert answer is not None or following is None


@PROPERTY
@given(st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXYZÄÉŁБД"), st.sampled_from(["Smith", "B.", "Łukasz", "Иванов", "Ng"]))
def test_initials_are_names(letter: str, name: str) -> None:
    """An initial never ends a sentence before a name, in any language."""
    for language in ABBREVIATIONS:
        assert ends_sentence([f"{letter}."], name, language) is False
        assert ends_sentence([f"{letter}."], None, language) in (None, False)


@pytest.mark.parametrize("word", ["kg", "km", "bzgl", "Pkt", "Hbf", "млрд", "Jean-P", "VI"])
@pytest.mark.parametrize("language", ["en", "de", "fr", "ru"])
def test_abbreviations_in_no_list(word: str, language: str) -> None:
    """What has no vowel is an abbreviation in any language: a small letter after it continues the sentence."""
    assert ends_sentence(["5", f"{word}."], "и" if language == "ru" else "et", language) is not True
    assert ends_sentence(["5", f"{word}."], None, language) is not True


@pytest.mark.parametrize("word", ["TV", "IBM", "Hmm", "psst", "John's", "don't", "we'll", "sky", "why", "grün", "вы"])
def test_words_that_look_like_abbreviations(word: str) -> None:
    """Names in capitals, interjections and contractions are ordinary words: nothing is waited for."""
    for language in ("en", "de", "ru"):
        assert ends_sentence([f"{word}."], None, language) is True


@pytest.mark.parametrize(
    "quoted", ["\u201eJa.\u201c", "\u00bbJa.\u00ab", "\u201aJa.\u2018", "\u201dJa.\u201d", "\u201cJa.\u201d"]
)
def test_quotation_marks_of_all_countries(quoted: str) -> None:
    """What opens a quotation in one language closes it in another."""
    assert ends_sentence([quoted], None, "de") is True
    assert ends_sentence(["usw."], quoted, "de") is True
    assert break_lines(f"Sagte er {quoted} Und dann", 17, "de") == [f"Sagte er {quoted}", "Und dann"]
