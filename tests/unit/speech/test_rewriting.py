"""Names, profanity and fillers in captions: what is shown, and what is settled while words are still to come."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamstt.config.settings import SpeechSettings
from streamstt.config.words import WordsSettings
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.events import Final, Partial
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import LanguageRules, WordRewriter
from tests.support.drawing import (
    PROPERTY,
    Talk,
    assert_caption_rules,
    finals,
    frames,
    make_session,
    make_talk,
    play,
    talks,
)

DECODED_UNTIL = 64_000
ALL = WordsSettings(
    replace=(
        ("cube net ease", "Kubernetes"),
        ("cube", "Cube"),
        ("jon", "John"),
        ("C++", "see plus plus"),
        ("/(\\d+) percent/", "\\1 %"),
        ("/k(8|eight)s?/", "k8s"),
        ("you know", ""),
        ("えーと", ""),
        ("東京都", "Tokyo"),
    ),
    profanity="mask",
    profanity_words=("crap", "damn*"),
    fillers="drop",
)

OVERLAPPING = WordsSettings(replace=(("net ease", "NetEase"), ("cube net ease", "Kubernetes"), ("/\\w+ know/", "")))
PLAIN = WordsSettings(replace=tuple(pair for pair in ALL.replace if pair[1]), profanity="mask")


def make_words(text: str, first: int = 0) -> list[RecognizedWord]:
    """Words of half a second each, each a little less sure."""
    return [
        RecognizedWord(f" {word}", i * 8000, (i + 1) * 8000, 0.9 - 0.01 * i)
        for i, word in enumerate(text.split(), first)
    ]


def rewrite(text: str, rules: WordsSettings = ALL, language: str = "en") -> str:
    return join_words(LanguageRules(rules, language).rewrite(make_words(text)))


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("We run cube net ease here.", "We run Kubernetes here."),
        ("Cube Net Ease, then.", "Kubernetes, then."),
        ("(cube net ease)", "(Kubernetes)"),
        ("cube, net ease", "Cube, net ease"),
        ("the cube net", "the Cube net"),
        ("cubes net ease", "cubes net ease"),
        ("Jon's friend, anti-jon Jonathan", "John's friend, anti-John Jonathan"),
        ("in C++ or C", "in see plus plus or C"),
        ("about 7.5 percent", "about 7.5 %"),
        ("k8 or KEIGHTS", "k8s or k8s"),
    ],
)
def test_replacements(spoken: str, expected: str) -> None:
    """A phrase is found in any case, at the boundaries of words; the first that applies is taken; signs stay."""
    assert rewrite(spoken) == expected


def test_case_sensitive() -> None:
    """An expression may insist on its case; of the pairs, the first wins."""
    assert rewrite("US us", WordsSettings(replace=(("/(?-i:US)/", "America"), ("us", "we")))) == "America we"


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("Oh shit, that fucking thing.", "Oh s***, that f****** thing."),
        ("Bullshit! Shitty, motherfucker's", "B*******! S*****, m***********'s"),
        ("from Scunthorpe to Dickens, an assassin's class cocktail", None),
        ("Shiitake, Wankel, putative", None),
        ("crap, scrap; damned", "c***, scrap; d*****"),
        ("Scheiße und merde", "S****** und m****"),
    ],
)
def test_profanity(spoken: str, expected: str | None) -> None:
    """Whole words are masked in all their forms, the user's as well; no word that only contains one is."""
    assert rewrite(spoken) == (expected or spoken)


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("So, um, we go.", "So, we go."),
        ("So um we go.", "So we go."),
        ("the um, thing", "the thing"),
        ("Um, we went.", "We went."),
        ("We did. Uh, then um, we went.", "We did. Then we went."),
        ("we went, um, uh.", "we went."),
        ("we went, um. Then", "we went. Then"),
        ("Um. Yes.", "Yes."),
        ("Uh, you know, it works, you know.", "It works."),
        ("Well, um... no", "Well, no"),
        ("Um, uh.", ""),
        ("uh-huh. Hmm? The ER, 5 mm", "uh-huh. Hmm? The ER, 5 mm"),
        ('he said "um" twice', 'he said "um" twice'),
    ],
)
def test_fillers(spoken: str, expected: str) -> None:
    """Fillers go with the comma behind them; a full stop and a capital letter stay; what means something stays."""
    assert rewrite(spoken) == expected


@pytest.mark.parametrize(("language", "kept"), [("de", True), ("", True), ("ja", True), ("en", False)])
def test_fillers_are_of_a_language(language: str, kept: bool) -> None:
    """ "Er" and "um" are German words; in a language without a list nothing is dropped."""
    assert ("er" in rewrite("er geht um acht", language=language).split()) == kept


def test_a_user_rule_is_stronger_than_a_filler() -> None:
    """What is to be replaced is not dropped."""
    rules = WordsSettings(replace=(("er", "ER"), ("uh oh", "Uh-oh")), fillers="drop")
    assert rewrite("the er, uh oh and uh", rules) == "the ER, Uh-oh and"


def test_scripts_without_spaces() -> None:
    """A phrase is found between other characters, however it is divided into words."""
    fragments = [
        RecognizedWord(text, i * 8000, i * 8000 + 8000, 0.9) for i, text in enumerate(["えー", "と、東", "京", "都は"])
    ]
    rewritten = LanguageRules(ALL, "ja").rewrite(fragments)
    assert [(w.text, w.start, w.end) for w in rewritten] == [("Tokyoは", 8000, 32_000)]


def test_times_and_probabilities() -> None:
    """A replaced phrase is one word in its time, as sure as its least sure word; others keep what they have."""
    rewritten = LanguageRules(ALL, "en").rewrite(make_words("So, um, we run cube net ease, you shit."))
    assert [(w.text, w.start // 8000, w.end // 8000, round(w.probability, 2)) for w in rewritten] == [
        (" So,", 0, 1, 0.9),
        (" we", 2, 3, 0.88),
        (" run", 3, 4, 0.87),
        (" Kubernetes,", 4, 7, 0.84),
        (" you", 7, 8, 0.83),
        (" s***.", 8, 9, 0.82),
    ]


@pytest.mark.parametrize(
    ("spoken", "stable"),
    [
        ("We run cube", "We run"),
        ("We run cube net", "We run"),
        ("We run cube net ease", "We run Kubernetes"),
        ("We run cube nets", "We run Cube nets"),
        ("We, um", "We"),
        ("We,", "We"),
        ("We go", "We go"),
        ("50", ""),
        ("50 percent", "50 %"),
    ],
)
def test_unsettled_text(spoken: str, stable: str) -> None:
    """What could still become part of a phrase, and a comma that a filler could make superfluous, is not settled."""
    assert LanguageRules(ALL, "en").settled_text(make_words(spoken)) == stable


PIECES = (
    " cube", " net", " ease", " ease,", " jon", "-jon", "athan", ".", " um", " um,", " Uh", " uh.", "-huh", " you",
    " know", " We", " so,", ",", " shit", " 50", " percent", "%", " k8s", "えー", "と", "、", "東京", "都",
    " C", "++", " ", "", " ?",
)  # fmt: skip
words_of = st.lists(st.sampled_from(PIECES), max_size=14).map(
    lambda texts: [RecognizedWord(text, i * 8000, (i + 1) * 8000, 0.9) for i, text in enumerate(texts)]
)
languages = st.sampled_from(["en", "de", "ja", ""])


@settings(PROPERTY, max_examples=400)
@given(words_of, words_of, languages, st.sampled_from([ALL, OVERLAPPING, PLAIN]))
@example(make_words("we went,"), make_words("um, uh.", 2), "en", ALL)
@example(make_words("we run cube"), make_words("net ease", 3), "en", PLAIN)
def test_what_is_settled_stays(
    spoken: list[RecognizedWord], more: list[RecognizedWord], language: str, words: WordsSettings
) -> None:
    """Whatever words come next, the text begins with what was settled; and what is settled only grows."""
    rules = LanguageRules(words, language)
    settled = rules.settled_text(spoken)
    assert join_words(rules.rewrite([*spoken, *more])).startswith(settled)
    assert rules.settled_text([*spoken, *more]).startswith(settled)


@settings(PROPERTY, max_examples=200)
@given(words_of, languages)
def test_words_say_the_text(spoken: list[RecognizedWord], language: str) -> None:
    """Words are in order and within the recognized time; a second pass of masks and removals changes nothing."""
    rules = LanguageRules(ALL, language)
    rewritten = rules.rewrite(spoken)
    assert all(w.text for w in rewritten)
    assert all(a.end <= b.start for a, b in pairwise(rewritten))
    assert not rewritten or (rewritten[0].start >= spoken[0].start and rewritten[-1].end <= spoken[-1].end)
    quiet = LanguageRules(ALL.model_copy(update={"replace": ()}), language)
    once = quiet.rewrite(spoken)
    assert join_words(quiet.rewrite(once)).strip() == join_words(once).strip()


@PROPERTY
@given(words_of, st.integers(0, 14), languages)
def test_without_rules_nothing_changes(spoken: list[RecognizedWord], committed: int, language: str) -> None:
    """By default every event is as if there were no rules at all."""
    rules = LanguageRules(WordsSettings(), language)
    assert rules.rewrite(spoken) == spoken
    assert rules.settled_text(spoken[:committed]) == join_words(spoken[:committed]).rstrip()


@settings(PROPERTY, max_examples=200)
@given(words_of, st.lists(st.tuples(st.integers(0, 4), words_of), max_size=5), languages)
def test_a_writer_keeps_the_rules(
    spoken: list[RecognizedWord], updates: list[tuple[int, list[RecognizedWord]]], language: str
) -> None:
    """However updates are cut, and whatever they guess: the rules are kept, and the final is the same."""
    writer = CaptionWriter("room", rewriter=WordRewriter(ALL))
    events: list[Partial | Final | None] = []
    count = 0
    for more, guess in updates:
        count = min(len(spoken), count + more)
        tail = [RecognizedWord(w.text, DECODED_UNTIL, DECODED_UNTIL, 0.5) for w in guess]
        events.append(writer.partial(spoken[:count], tail, 2 * DECODED_UNTIL, language))
    events.append(writer.final(spoken, 2 * DECODED_UNTIL, language))
    events_written = [event for event in events if event]
    assert_caption_rules(events_written)
    at_once = CaptionWriter("room", rewriter=WordRewriter(ALL)).final(spoken, 2 * DECODED_UNTIL, language)
    text = at_once.text if at_once else ""
    assert [final.text for final in finals(events_written)] in ([text], [""] if not text else [], [])


@settings(PROPERTY, max_examples=25)
@given(talks(), st.lists(st.integers(0, 40), min_size=1, max_size=4), st.booleans())
def test_a_session_keeps_the_rules(talk: Talk, delays: Sequence[int], without_rules: bool) -> None:
    """All the way from audio to captions, stable text stays, whatever the settings are."""
    rules = WordsSettings(replace=(("/\\d+I \\d+say/", "x"), ("0I", "zero")), fillers="drop")
    speech = SpeechSettings(max_utterance_s=4, max_caption_s=2, buffer_s=30)
    session = make_session(speech, words=WordsSettings() if without_rules else rules)
    events = play(session, frames(talk), talk.engine, delays)
    assert_caption_rules(events)


def test_taken_back() -> None:
    """A caption that turns out to be only a filler is taken back; one that was never shown is not published."""
    writer = CaptionWriter("mic", rewriter=WordRewriter(ALL))
    assert writer.partial([], make_words("um"), DECODED_UNTIL, "en") is None
    assert writer.partial([], make_words("umbrella"), DECODED_UNTIL, "en")
    assert writer.partial(make_words("Um,"), [], DECODED_UNTIL, "en") == Partial(
        "mic", "mic-1", 2, 4.0, 4.0, "", 0, "en"
    )
    assert writer.final(make_words("Um."), DECODED_UNTIL, "en") == Final("mic", "mic-1", 3, 4.0, 4.0, "", (), "en")
    assert writer.final(make_words("Um."), DECODED_UNTIL, "en") is None


def test_other_rules_from_the_next_caption_on() -> None:
    """A caption with stable text ends with the settings that it began with."""
    rewriter = WordRewriter(WordsSettings(replace=(("jon", "John"),)))
    writer = CaptionWriter("mic", rewriter=rewriter)
    writer.partial(make_words("jon said"), [], DECODED_UNTIL, "en")
    rewriter.update_settings(WordsSettings(replace=(("jon", "Jonas"),)))
    first, second = (
        writer.final(make_words("jon said so"), DECODED_UNTIL, "en"),
        writer.final(make_words("jon"), DECODED_UNTIL, "en"),
    )
    assert [final.text for final in (first, second) if final] == ["John said so", "Jonas"]


def test_a_talk() -> None:
    """From audio to finals: words are shown as the settings have them."""
    talk = make_talk("So, um, jon runs cube net ease.", 1.0, "Um.", 1.0, "What a shitty day!")
    events = play(make_session(words=ALL), frames(talk), talk.engine)
    assert_caption_rules(events)
    assert [f.text for f in finals(events) if f.text] == ["So, John runs Kubernetes.", "What a s***** day!"]
