"""Names, swearing and fillers in captions: what is shown, and what is promised while more is still to be said."""

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
from tests.support.drawing import PROPERTY, Talk, assert_promises_kept, finals, frames, play, session, talks, tell

HEARD = 64_000
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

SOME = WordsSettings(replace=(("net ease", "NetEase"), ("cube net ease", "Kubernetes"), ("/\\w+ know/", "")))
PLAIN = WordsSettings(replace=tuple(pair for pair in ALL.replace if pair[1]), profanity="mask")


def heard(text: str, first: int = 0) -> list[RecognizedWord]:
    """Words of half a second each, each a little less sure."""
    return [
        RecognizedWord(f" {word}", i * 8000, (i + 1) * 8000, 0.9 - 0.01 * i)
        for i, word in enumerate(text.split(), first)
    ]


def shown(text: str, rules: WordsSettings = ALL, language: str = "en") -> str:
    return join_words(LanguageRules(rules, language).rewrite(heard(text)))


@pytest.mark.parametrize(
    ("said", "meant"),
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
def test_replacements(said: str, meant: str) -> None:
    """A phrase is found in any case, at the boundaries of words; the first that applies is taken; signs stay."""
    assert shown(said) == meant


def test_case_as_wanted() -> None:
    """An expression may insist on its case; of the pairs, the first wins."""
    assert shown("US us", WordsSettings(replace=(("/(?-i:US)/", "America"), ("us", "we")))) == "America we"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Oh shit, that fucking thing.", "Oh s***, that f****** thing."),
        ("Bullshit! Shitty, motherfucker's", "B*******! S*****, m***********'s"),
        ("from Scunthorpe to Dickens, an assassin's class cocktail", None),
        ("Shiitake, Wankel, putative", None),
        ("crap, scrap; damned", "c***, scrap; d*****"),
        ("Scheiße und merde", "S****** und m****"),
    ],
)
def test_swearing(said: str, meant: str | None) -> None:
    """Whole words are masked in all their forms, the user's as well; no word that only contains one is."""
    assert shown(said) == (meant or said)


@pytest.mark.parametrize(
    ("said", "meant"),
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
def test_fillers(said: str, meant: str) -> None:
    """Fillers go with the comma behind them; a full stop and a capital letter stay; what means something stays."""
    assert shown(said) == meant


@pytest.mark.parametrize(("language", "kept"), [("de", True), ("", True), ("ja", True), ("en", False)])
def test_fillers_are_of_a_language(language: str, kept: bool) -> None:
    """ "Er" and "um" are German words; in a language without a list nothing is dropped."""
    assert ("er" in shown("er geht um acht", language=language).split()) == kept


def test_a_user_rule_is_stronger_than_a_filler() -> None:
    """What is to be replaced is not dropped."""
    rules = WordsSettings(replace=(("er", "ER"), ("uh oh", "Uh-oh")), fillers="drop")
    assert shown("the er, uh oh and uh", rules) == "the ER, Uh-oh and"


def test_scripts_without_spaces() -> None:
    """A phrase is found between other characters, whatever pieces it was heard in."""
    pieces = [
        RecognizedWord(text, i * 8000, i * 8000 + 8000, 0.9) for i, text in enumerate(["えー", "と、東", "京", "都は"])
    ]
    made = LanguageRules(ALL, "ja").rewrite(pieces)
    assert [(w.text, w.start, w.end) for w in made] == [("Tokyoは", 8000, 32_000)]


def test_times_and_probabilities() -> None:
    """A replaced phrase is one word in its time, as sure as its least sure word; others keep what they have."""
    made = LanguageRules(ALL, "en").rewrite(heard("So, um, we run cube net ease, you shit."))
    assert [(w.text, w.start // 8000, w.end // 8000, round(w.probability, 2)) for w in made] == [
        (" So,", 0, 1, 0.9),
        (" we", 2, 3, 0.88),
        (" run", 3, 4, 0.87),
        (" Kubernetes,", 4, 7, 0.84),
        (" you", 7, 8, 0.83),
        (" s***.", 8, 9, 0.82),
    ]


@pytest.mark.parametrize(
    ("said", "stable"),
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
def test_held_back(said: str, stable: str) -> None:
    """What could still become part of a phrase, and a comma that a filler could make superfluous, is not promised."""
    assert LanguageRules(ALL, "en").settled_text(heard(said)) == stable


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
@given(words_of, words_of, languages, st.sampled_from([ALL, SOME, PLAIN]))
@example(heard("we went,"), heard("um, uh.", 2), "en", ALL)
@example(heard("we run cube"), heard("net ease", 3), "en", PLAIN)
def test_what_is_settled_stays(
    said: list[RecognizedWord], more: list[RecognizedWord], language: str, words: WordsSettings
) -> None:
    """Whatever is said next, the text begins with what was settled; and what is settled only grows."""
    rules = LanguageRules(words, language)
    settled = rules.settled_text(said)
    assert join_words(rules.rewrite([*said, *more])).startswith(settled)
    assert rules.settled_text([*said, *more]).startswith(settled)


@settings(PROPERTY, max_examples=200)
@given(words_of, languages)
def test_words_say_the_text(said: list[RecognizedWord], language: str) -> None:
    """Words are in order and in the time of what was heard; once more rewritten, masks and drops change nothing."""
    rules = LanguageRules(ALL, language)
    made = rules.rewrite(said)
    assert all(w.text for w in made)
    assert all(a.end <= b.start for a, b in pairwise(made))
    assert not made or (made[0].start >= said[0].start and made[-1].end <= said[-1].end)
    quiet = LanguageRules(ALL.model_copy(update={"replace": ()}), language)
    once = quiet.rewrite(said)
    assert join_words(quiet.rewrite(once)).strip() == join_words(once).strip()


@PROPERTY
@given(words_of, st.integers(0, 14), languages)
def test_without_rules_nothing_changes(said: list[RecognizedWord], committed: int, language: str) -> None:
    """By default every event is as if there were no rules at all."""
    rules = LanguageRules(WordsSettings(), language)
    assert rules.rewrite(said) == said
    assert rules.settled_text(said[:committed]) == join_words(said[:committed]).rstrip()


@settings(PROPERTY, max_examples=200)
@given(words_of, st.lists(st.tuples(st.integers(0, 4), words_of), max_size=5), languages)
def test_a_writer_keeps_its_promises(
    said: list[RecognizedWord], updates: list[tuple[int, list[RecognizedWord]]], language: str
) -> None:
    """However updates are cut, and whatever they guess: promises are kept, and the final is the same."""
    writer = CaptionWriter("room", rewriter=WordRewriter(ALL))
    events: list[Partial | Final | None] = []
    count = 0
    for more, guess in updates:
        count = min(len(said), count + more)
        tail = [RecognizedWord(w.text, HEARD, HEARD, 0.5) for w in guess]
        events.append(writer.partial(said[:count], tail, 2 * HEARD, language))
    events.append(writer.final(said, 2 * HEARD, language))
    written = [event for event in events if event]
    assert_promises_kept(written)
    at_once = CaptionWriter("room", rewriter=WordRewriter(ALL)).final(said, 2 * HEARD, language)
    text = at_once.text if at_once else ""
    assert [final.text for final in finals(written)] in ([text], [""] if not text else [], [])


@settings(PROPERTY, max_examples=25)
@given(talks(), st.lists(st.integers(0, 40), min_size=1, max_size=4), st.booleans())
def test_a_session_keeps_its_promises(talk: Talk, delays: Sequence[int], idle: bool) -> None:
    """Through the whole way from audio to captions, promises are kept whatever the rules are."""
    rules = WordsSettings(replace=(("/\\d+I \\d+say/", "x"), ("0I", "zero")), fillers="drop")
    speech = SpeechSettings(max_utterance_s=4, max_caption_s=2, buffer_s=30)
    stage = session(speech, words=WordsSettings() if idle else rules)
    events = play(stage, frames(talk), talk.engine, delays)
    assert_promises_kept(events)


def test_taken_back() -> None:
    """A caption that turns out to be a filler only is taken back; one that was never shown is not heard of."""
    writer = CaptionWriter("mic", rewriter=WordRewriter(ALL))
    assert writer.partial([], heard("um"), HEARD, "en") is None
    assert writer.partial([], heard("umbrella"), HEARD, "en")
    assert writer.partial(heard("Um,"), [], HEARD, "en") == Partial("mic", "mic-1", 2, 4.0, 4.0, "", 0, "en")
    assert writer.final(heard("Um."), HEARD, "en") == Final("mic", "mic-1", 3, 4.0, 4.0, "", (), "en")
    assert writer.final(heard("Um."), HEARD, "en") is None


def test_other_rules_from_the_next_caption_on() -> None:
    """A caption that has promised something is ended by the rules it was begun with."""
    rewriting = WordRewriter(WordsSettings(replace=(("jon", "John"),)))
    writer = CaptionWriter("mic", rewriter=rewriting)
    writer.partial(heard("jon said"), [], HEARD, "en")
    rewriting.update_settings(WordsSettings(replace=(("jon", "Jonas"),)))
    first, second = writer.final(heard("jon said so"), HEARD, "en"), writer.final(heard("jon"), HEARD, "en")
    assert [final.text for final in (first, second) if final] == ["John said so", "Jonas"]


def test_a_talk() -> None:
    """From audio to finals: what was said is shown as it is meant."""
    talk = tell("So, um, jon runs cube net ease.", 1.0, "Um.", 1.0, "What a shitty day!")
    events = play(session(words=ALL), frames(talk), talk.engine)
    assert_promises_kept(events)
    assert [f.text for f in finals(events) if f.text] == ["So, John runs Kubernetes.", "What a s***** day!"]
