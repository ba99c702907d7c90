"""Captions do not end inside what a reader sees as one, wherever speech pauses and however few words are known."""

import json
import re
from itertools import accumulate
from random import Random

import pytest

from streamstt.audio.format import samples_from_ms
from streamstt.engine.base import RecognizedWord, join_words
from streamstt.speech.caption_breaks import HARD_LIMIT, WHOLE_LIMIT, caption_break
from streamstt.speech.whole_phrases import belongs_together, is_counted, may_continue
from streamstt.text.function_words import FUNCTION_WORDS
from streamstt.text.word_boundaries import word_starts
from tests.support.paths import DATA

SENTENCES = json.loads((DATA / "whole_phrases.json").read_text())
SPOKEN = [(language, text) for language, texts in SENTENCES.items() for text in texts]
SPACELESS = [
    ("ja", "今日は天気がとても良いので公園に行って友達と一緒にお弁当を食べてから図書館で三時間くらい勉強しました"),
    ("ja", "3月15日の午後6時45分に東京駅の前で待ち合わせをして新しいレストランに行く予定になっています"),
    ("zh", "今天天气很好我们一起去公园散步然后在图书馆里学习了三个小时才回家吃晚饭"),
    ("zh", "他在2026年3月15日下午6点45分到达北京站然后坐地铁去了朋友的家里"),
    ("th", "วันนี้อากาศดีมากเราจึงไปเดินเล่นที่สวนสาธารณะกับเพื่อนแล้วกลับมาทำงานที่บ้านจนถึงตอนเย็น"),
]
LONGEST_MS = (2000, 3000, 4000, 7000)
ROUNDS = 30  # for each sentence
LETTER = re.compile(r"[ก-ๅ][ัิ-ฺ็-๎ะาำๅ]*|\d+|.")
TOKEN = re.compile(r" ?(?:\d{1,3}|[^\W\d_]+|[^\w\s]|_)")


def recognize(random: Random, text: str, *, spaced: bool = True) -> list[RecognizedWord]:
    """A text as a model writes it: whole words, some of them in pieces, with any durations and pauses."""
    pieces: list[str] = []
    for token in TOKEN.findall(f" {text}") if spaced else LETTER.findall(text):
        if spaced and pieces and not token.startswith(" ") and random.random() < 0.8:
            pieces[-1] += token
        else:
            pieces.append(token)
    at, words = 0, []
    for piece in pieces:
        at += random.choice((0, 0, 0, 60, 200, 400, 1200))
        end = at + random.choice((60, 150, 250, 400))
        words.append(RecognizedWord(piece, samples_from_ms(at), samples_from_ms(end), 1.0))
        at = end
    return words


def live_captions(
    random: Random, words: list[RecognizedWord], longest: int, language: str, least_known: int = 0
) -> list[list[RecognizedWord]]:
    """The captions when some words are committed at a time, and some more are known; see ``UtteranceCaptioner``."""
    captions, done, committed = [], 0, 0
    at_once = random.choice((1, 3, 6, len(words)))
    while committed < len(words):
        more, known = random.randint(1, at_once), random.randint(least_known, least_known + 4)
        stable, committed = committed - done, min(committed + more, len(words))
        if known == 0:  # words are whole if nothing follows them
            while committed < len(words) and language in FUNCTION_WORDS and words[committed].text[0] != " ":
                committed += 1
        while count := caption_break(
            words[done:committed], longest, stable, language, words[committed : committed + known]
        ):
            captions.append(words[done : done + count])
            done, stable = done + count, 0
    return [*captions, words[done:]] if words[done:] else captions


@pytest.mark.parametrize(("language", "marked"), SPOKEN)
def test_phrases_are_whole(language: str, marked: str) -> None:
    """Nothing in braces is divided; no caption ends with a small word as long as anything else is possible."""
    parts = re.split(r"[{}]", marked)
    for seed in range(ROUNDS):
        random = Random(seed)
        words = recognize(random, "".join(parts))
        longest = samples_from_ms(random.choice(LONGEST_MS))
        check_captions(parts, live_captions(random, words, longest, language), longest, language)


def check_captions(parts: list[str], captions: list[list[RecognizedWord]], longest: int, language: str) -> None:
    """Checks captions of a text whose every second part is to be whole."""
    texts = [join_words(caption) for caption in captions]
    assert " ".join(texts) == "".join(parts)
    at, inside = 0, set()
    for n, part in enumerate(parts):
        inside |= set(range(at + 1, at + len(part))) if n % 2 else set()
        at += len(part)
    end, words = 0, [word for caption in captions for word in caption]
    for caption, text, following in zip(captions[:-1], texts[:-1], captions[1:], strict=True):
        begin, end = end, end + len(text) + 1
        assert end not in inside or following[0].end - caption[0].start > WHOLE_LIMIT * longest, "|".join(texts)
        if _leans(text, language):
            later = [
                w for w in words if caption[-1].end <= w.start and w.end <= caption[0].start + HARD_LIMIT * longest
            ]
            rest = "".join(parts)[end:]
            for count in range(1, len(join_words(later).split())):
                longer = " ".join(rest.split()[:count])
                is_inside = end + len(longer) + 1 in inside
                counted = is_counted(longer.split()[-1], rest.split()[count])
                assert _leans(longer, language) or is_inside or counted, f"{text} | {longer} | {begin}"


def _leans(text: str, language: str) -> bool:
    return text.rsplit(maxsplit=1)[-1].casefold() in FUNCTION_WORDS[language]


@pytest.mark.parametrize(("language", "text"), SPACELESS)
def test_words_are_whole_in_scripts_without_spaces(language: str, text: str) -> None:
    """Captions in Japanese, Chinese and Thai end between words."""
    for seed in range(ROUNDS):
        random = Random(seed)
        words = recognize(random, text, spaced=False)
        longest = samples_from_ms(random.choice(LONGEST_MS))
        texts = [join_words(caption) for caption in live_captions(random, words, longest, language, 3)]
        assert "".join(texts) == text
        ends = list(accumulate(map(len, texts)))[:-1]
        assert set(ends) <= (word_starts(text, language) or set()), "|".join(texts)
        assert ends or words[-1].end <= 2 * longest


def test_what_follows_decides() -> None:
    """Words that may be part of a number or address are waited for; ordinary ones are not."""
    assert belongs_together(["help", "dot", "desk"], ["at"], "en")
    assert belongs_together(["wrote", "to", "john"], ["at", "example", "dot"], "en")
    assert not belongs_together(["and", "we", "met"], ["at", "the", "station"], "en")
    assert not belongs_together(["on", "the", "train"], ["I", "was"], "en")
    assert belongs_together(["of", "two", "hundred"], ["and", "fifty"], "en")
    assert not belongs_together(["came", "on", "Friday"], ["and", "left"], "en")
    assert may_continue("3.")
    assert may_continue("March,")
    assert not may_continue("house,")
    assert is_counted("22", "people")
    assert not is_counted("1999", "people")
