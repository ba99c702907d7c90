"""Which finals are heard again together, and which words are taken over. Times are in seconds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.audio.ring import Ring
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, RecognizedWord
from streamstt.speech.passages import AUDIO_BEFORE, MAX_AUDIO, HeardFinal, LivePassage, PassageCollector, cut_passage
from streamstt.speech.reliability import SpeechFrames
from streamstt.speech.second_look import SecondLook, correct
from tests.support.drawing import PROPERTY

STEP_S = 0.5  # s that each word takes


def samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def words(text: str, start: float = 0.0, probability: float = 0.9) -> tuple[RecognizedWord, ...]:
    """Words that follow one another; "maybe?0.2" has a probability of its own."""
    spoken = []
    for n, word in enumerate(text.split()):
        name, _, own = word.partition("?")
        at = start + n * STEP_S
        p = float(own) if own else probability
        spoken.append(RecognizedWord(f" {name}", samples(at), samples(at + STEP_S), p))
    return tuple(spoken)


def heard(name: str, text: str, start: float = 0.0) -> HeardFinal:
    return HeardFinal(name, words(text, start), "en")


def corrected(finals: list[HeardFinal], again: tuple[RecognizedWord, ...]) -> dict[str, str]:
    return {final.id: "".join(word.text for word in final.words).strip() for final in correct(finals, again)}


@pytest.mark.parametrize(
    ("live", "again", "result"),
    [
        ("a cold soap?0.2 I smell", "a cold so?0.7 I smell", "a cold so I smell"),  # more probable
        ("a cold so?0.7 I smell", "a cold soap?0.2 I smell", None),  # less
        ("Are you there", "are you, there?", None),  # only case and punctuation
        ("greasy wash?0.2 water?0.2", "greasy washwater?0.9", None),  # only a space
        ("I smell quite lonely", "I smell quite probably?0.6 lonely", "I smell quite probably lonely"),  # skipped live
        ("I smell quite lonely", "I smell quite oh?0.1 lonely", None),  # made up by the second look
        ("I uh?0.2 smell", "I smell", "I smell"),  # made up live
        ("one two three four five six", "one six", None),  # the second look has skipped a sentence
        ("one?0.1 two?0.1 three?0.1 four?0.1 five", "five", None),  # the same, although nothing of it was sure
        ("I saw a?0.2 man", "I saw them?0.8 and?0.8 A man.", "I saw them and A man."),
    ],
)
def test_the_more_probable_words(live: str, again: str, result: str | None) -> None:
    """Where the two differ, the more probable words are kept; speech that only one of them has is not lost."""
    assert corrected([heard("f", live)], words(again)) == ({"f": result} if result else {})


def test_each_final_gets_its_part() -> None:
    """Words go to the final in whose time they are spoken; those of other finals stay."""
    finals = [
        heard("f1", "here are?0.3 some words", 0),
        heard("f2", "they sent the?0.2 act?0.3", 2),
        heard("f3", "bye", 4),
    ]
    again = words("here is?0.8 some words they sent that?0.9", 0) + words("today?0.8 bye", 3.6)
    assert corrected(finals, again) == {"f1": "here is some words", "f2": "they sent that today"}


def test_no_final_loses_all_its_words() -> None:
    """A final stays a caption, even if its only word was not heard again, or belongs to another now."""
    finals = [heard("f1", "well", 0), heard("f2", "Right?0.2", 1), heard("f3", "thanks", 2)]
    assert corrected(finals, words("well", 0) + words("thanks", 2)) == {}
    finals = [heard("f1", "all?0.3", 0), heard("f2", "right?0.3", 1), heard("f3", "thanks", 2)]
    assert corrected(finals, words("alright?0.9", 0) + words("thanks", 2)) == {}


def test_fragments_are_no_words() -> None:
    """A full stop that the model writes as a word of its own is no difference."""
    live = (*words("one two"), RecognizedWord(".", samples(1), samples(1.1), 0.2), *words("three", 1.1))
    assert correct([HeardFinal("f", live, "en")], words("one two. three")) == []


TEXTS = st.lists(st.sampled_from(["one", "two?0.2", "three?0.5", "four.", "one?0.1"]), min_size=1, max_size=6)


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS, st.floats(-2, 4))
def test_any_finals(texts: list[list[str]], again: list[str], shift_s: float) -> None:
    """Whatever is heard again: ids, borders and the order of words stay, and nothing is empty."""
    finals, start = [], 2.0
    for n, text in enumerate(texts):
        finals.append(heard(f"f{n}", " ".join(text), start))
        start = finals[-1].end / SAMPLE_RATE + 0.3
    by_id = {final.id: final for final in finals}
    for final in correct(finals, words(" ".join(again), max(0.0, 2 + shift_s))):
        before = by_id[final.id]
        assert final.words
        times = [at for word in final.words for at in (word.start, word.end)]
        assert times == sorted(times)
        assert before.start <= times[0]
        assert times[-1] <= before.end


# ---- passages


def collect(*spans: tuple[float, float], final_until: float | None = None) -> list[list[str]]:
    """The passages of finals with these times, after each of which all speech is final."""
    collector = PassageCollector()
    found: list[list[str]] = []
    for n, (start, end) in enumerate(spans):
        collector.add(f"f{n}", (RecognizedWord(" a", samples(start), samples(end), 0.9),), "en")
        following = spans[n + 1][0] if n + 1 < len(spans) else final_until or end
        while passage := collector.next_passage(samples(min(following, end))):
            found.append([final.id for final in passage.finals])
    while passage := collector.next_passage(samples(final_until or 0)):
        found.append([final.id for final in passage.finals])
    return found


def test_a_passage_ends_at_its_best_pause() -> None:
    """Of the pauses between 14 and 20 s, a passage ends at the longest; what follows belongs to the next one."""
    assert collect((0, 7), (7.1, 14.5), (14.9, 17), (17.2, 19), (19.1, 24)) == [["f0", "f1"]]
    assert collect((0, 7), (7.1, 14.5), (14.6, 17), (17.5, 19), (19.1, 24)) == [["f0", "f1", "f2"]]


def test_a_passage_ends_with_silence() -> None:
    """After five seconds of silence, or one after 14 s, nothing is waited for; a final alone was heard whole."""
    assert collect((0, 2), (3, 5), final_until=9) == []
    assert collect((0, 2), (3, 5), final_until=10.1) == [["f0", "f1"]]
    assert collect((0, 7), (7.5, 15), final_until=15.9) == []
    assert collect((0, 7), (7.5, 15), final_until=16) == [["f0", "f1"]]
    assert collect((0, 3), (9, 11), (11.5, 13), final_until=30) == [["f1", "f2"]]


def test_another_language_is_another_passage() -> None:
    """A passage is heard in one language."""
    collector = PassageCollector()
    for n, language in enumerate(["en", "en", "de", "de"]):
        collector.add(f"f{n}", words("one two", n), language)
    first, second = collector.next_passage(0), collector.next_passage(0)
    assert first is not None
    assert second is None
    assert [f.id for f in first.finals] == ["f0", "f1"]
    last = collector.flush(samples(9))
    assert last is not None
    assert [f.id for f in last.finals] == ["f2", "f3"]
    assert collector.flush(samples(9)) is None


def fill(seconds: float, *, keep_s: float = 120) -> Ring:
    ring = Ring(samples(keep_s))
    ring.append(Block(0, np.linspace(0.001, 1, samples(seconds), dtype=np.float32)))
    return ring


def test_the_audio_of_a_passage() -> None:
    """It reaches from the pause before the first word, or before speech that has no words, to the pause after the
    last, and its draft is what was recognized."""
    passage = LivePassage((heard("f1", "one two", 10), heard("f2", "three", 12)), samples(5), samples(20))
    job, _ = cut_passage(passage, "mic", fill(30), SpeechFrames())
    assert (job.start, job.end) == (samples(9.6), samples(13))
    assert [w.text for w in job.draft] == [" one", " two", " three"]
    frames = SpeechFrames()
    frames.add(samples(8))
    job, _ = cut_passage(passage, "mic", fill(30), frames)
    assert job.start == samples(8) - AUDIO_BEFORE
    close = replace(passage, after=samples(9.9), before=samples(12.7))
    job, _ = cut_passage(close, "mic", fill(30), SpeechFrames())
    assert samples(9.8) <= job.start <= samples(10.1)
    assert samples(12.4) <= job.end <= samples(12.8)


def test_audio_that_is_not_kept() -> None:
    """Without all of its audio, a passage is not heard again; nor is one that is longer than Whisper's window."""
    passage = LivePassage((heard("f1", "one two", 10), heard("f2", "three", 12)), samples(5), samples(20))
    assert not len(cut_passage(passage, "mic", fill(30, keep_s=19), SpeechFrames())[0].audio)
    long = LivePassage((heard("f1", "one", 10), heard("f2", "two", 39)), samples(5), samples(45))
    assert len(cut_passage(long, "mic", fill(60), SpeechFrames())[0].audio) <= MAX_AUDIO


def test_a_second_look() -> None:
    """Its job is decoded until no speech is left without words, and then says what is better."""
    passage = LivePassage((heard("f1", "one two?0.2", 1), heard("f2", "three", 3)), 0, samples(6))
    job, frames = cut_passage(passage, "mic", fill(9), SpeechFrames())
    look = SecondLook(passage, job, frames, SpeechSettings())
    assert look.job is job
    look.apply(Hypothesis(job, words("one too?0.6", 1) + words("three", 3), "en", logprob=-0.1))
    assert look.job is None
    assert [(f.id, f.words[1].text) for f in look.corrections] == [("f1", " too")]


def test_live_words_are_judged_again() -> None:
    """A live word that is improbable among those around it gives way, although it was sure at the time."""
    passage = LivePassage((heard("f1", "one two?0.8", 1), heard("f2", "three", 3)), 0, samples(6))
    job, frames = cut_passage(passage, "mic", fill(9), SpeechFrames())
    for judged, expected in (((0.9, 0.1, 0.9), [" too"]), ((0.9, 0.5), []), ((), [])):
        look = SecondLook(passage, job, frames, SpeechSettings())
        again = words("one too?0.6", 1) + words("three", 3)
        look.apply(Hypothesis(job, again, "en", logprob=-0.1, draft_probabilities=judged))
        assert [f.words[1].text for f in look.corrections] == expected
