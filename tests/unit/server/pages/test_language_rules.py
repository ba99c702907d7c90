"""Sentences and lines on the pages are those of Python: the same rules, lists of words and models."""

import json
import random
import unicodedata
from http import HTTPStatus
from importlib.resources import files
from itertools import accumulate

import pytest
from budoux import Parser

from streamstt.server.http.pages import Pages
from streamstt.text import line_break_data
from streamstt.text.abbreviations import ABBREVIATIONS
from streamstt.text.characters import CLAUSE_ENDS, SENTENCE_ENDS, SPACELESS_CHARACTER, width
from streamstt.text.line_breaking import break_lines
from streamstt.text.sentences import ends_sentence
from streamstt.text.word_boundaries import MODELS
from streamstt.text.word_lists import word_lists
from tests.support.any_text import any_text, any_word
from tests.support.captions import make_hub
from tests.support.page_scripts import evaluate, evaluate_with_data
from tests.support.paths import DATA

BREAK_ALL = """
  import { breakLines } from "./shared/caption_lines.js";
  output(texts.map(({ text, limit, language }) => breakLines(text, () => ({ limit }), language)));
"""


def test_the_same_lines_as_in_files() -> None:
    """The overlay breaks the texts of tests/data/lines.json as subtitle files do."""
    vectors = json.loads((DATA / "lines.json").read_text())
    broken = evaluate_with_data(BREAK_ALL, texts=vectors)
    assert broken == [vector["lines"] for vector in vectors]
    assert len(broken) > 60


def test_the_same_lines_for_any_text() -> None:
    """A random text in any language and of any width has the same lines on the overlay and in files."""
    chance = random.Random(0)
    texts = [any_text(chance) for _ in range(800)]
    for text, broken in zip(texts, evaluate_with_data(BREAK_ALL, texts=texts), strict=True):
        assert broken == break_lines(**text), text


END_ALL = """
  import { endsSentence } from "./shared/sentences.js";
  output(cases.map(({ words, following, language }) => endsSentence(words, following, language)));
"""


def test_sentences_end_where_they_end_in_python() -> None:
    """After each word of tests/data/sentences.json, with the next word and without it, in any language."""
    cases = []
    for language, texts in json.loads((DATA / "sentences.json").read_text()).items():
        for text in texts:
            words = text.replace("|", " ").split()
            for n in range(1, len(words)):
                cases += [
                    {"words": words[:n], "following": following, "language": code}
                    for following in (words[n], None)
                    for code in (language, "", "ja")
                ]
    answers = evaluate_with_data(END_ALL, cases=cases)
    assert answers == [ends_sentence(**case) for case in cases]
    assert set(answers) == {True, False, None}


def test_any_words_end_sentences_as_in_python() -> None:
    """The same holds for words that nobody would write."""
    chance = random.Random(1)
    cases = [
        {
            "words": [any_word(chance) for _ in range(chance.randint(1, 3))],
            "following": chance.choice([None, any_word(chance)]),
            "language": chance.choice(["", "xx", *ABBREVIATIONS, *MODELS]),
        }
        for _ in range(20_000)
    ]
    assert evaluate_with_data(END_ALL, cases=cases) == [ends_sentence(**case) for case in cases]


def test_a_page_without_data_breaks_lines() -> None:
    """If nothing arrives of what the server knows of languages, captions are broken all the same."""
    script = """
      import { breakLines, phraseEnd } from "./shared/caption_lines.js";
      output([breakLines("I know Dr. Smith of Ohio.", () => ({ limit: 14 }), "en"),
              breakLines("東京都に住んでいる", () => ({ limit: 10 }), "ja"),
              phraseEnd("I know. Do you", 14, "en")]);
    """
    assert evaluate(script) == [["I know Dr.", "Smith of Ohio."], ["東京都に住", "んでいる"], len("I know.")]


@pytest.mark.parametrize("arrives", [True, False])
def test_the_data_is_awaited_for_a_while(arrives: bool) -> None:
    """The page starts with the lists and models of the server, or after three seconds without them."""
    script = """
      import { loadLanguageData } from "./shared/language_data.js";
      import { words } from "./shared/word_lists.js";
      const asked = [];
      const timers = [];
      globalThis.setTimeout = (action, ms) => timers.push([action, ms]);
      globalThis.fetch = async (url) => {
        asked.push(url.pathname.split("/shared/")[1]);
        if (!arrives) return new Promise(() => {});
        const lists = { titles: ["Dr"] };
        return { ok: true, json: async () => (String(url).includes("word_lists") ? lists : {}) };
      };
      const loading = loadLanguageData();
      const [[expire, ms]] = timers;
      if (!arrives) expire();
      await loading;
      output({ asked: asked.sort(), ms, knows: words("titles").has("Dr") });
    """
    result = evaluate(script, arrives=arrives)
    models = ["phrases/ja.json", "phrases/th.json", "phrases/zh-hans.json", "phrases/zh-hant.json"]
    assert result == {"asked": [*models, "word_lists.json"], "ms": 3_000, "knows": arrives}


def test_the_server_has_what_the_page_asks_for() -> None:
    """The lists of words and the models are among the files of the pages."""
    pages = Pages(make_hub())
    for name in ("word_lists.json", "phrases/ja.json", "phrases/th.json"):
        response = pages.respond(f"/pages/shared/{name}")
        assert (response.status, response.content_type) == (HTTPStatus.OK, "application/json")
    assert json.loads(pages.respond("/pages/shared/word_lists.json").body) == word_lists()


def test_the_same_characters_as_in_files() -> None:
    """The classes of characters behind the rules are the same in both languages."""
    chars = [char for char in map(chr, range(0x20010)) if unicodedata.category(char) not in {"Cn", "Cs"}]
    script = """
      import * as characters from "./shared/characters.js";
      const { CLAUSE_ENDS, END_CLOSERS, CLOSING, OPENING, SENTENCE_ENDS, columns, SPACELESS } = characters;
      output({
        signs: [SENTENCE_ENDS, CLAUSE_ENDS, END_CLOSERS, [...CLOSING].join(""), [...OPENING].join("")],
        widths: chars.map((char) => columns(char)),
        spaceless: chars.filter((char) => SPACELESS.test(char)),
      });
    """
    result = evaluate(script, chars=chars)
    signs = (SENTENCE_ENDS, CLAUSE_ENDS, line_break_data.END_CLOSERS, line_break_data.NO_LINE_START)
    assert [set(text) for text in result["signs"]] == [set(text) for text in (*signs, line_break_data.NO_LINE_END)]
    assert result["widths"] == [width(char) for char in chars]
    assert result["spaceless"] == [char for char in chars if SPACELESS_CHARACTER.match(char)]


@pytest.mark.parametrize(
    ("model", "language", "text"),
    [
        ("ja", "ja", "彼は「今日は行かない」と言いましたが誰も信じませんでした"),
        ("ja", "ja", "日本語の字幕は単語の途中で改行されません。𠮷野家です"),
        ("zh-hans", "zh", "这是一个没有标点符号的很长的句子我们要看看它怎么断开"),
        ("zh-hant", "yue", "這是一個沒有標點符號的很長的句子我們要看看它怎麼斷開"),
        ("th", "th", "สวัสดีครับยินดีต้อนรับสู่การประชุมประจำปี"),
    ],
)
def test_the_same_phrases_as_in_python(model: str, language: str, text: str) -> None:
    """Phrases begin where the Python package finds them, and no line is broken within one."""
    script = """
      import { phraseStarts } from "./shared/phrases.js";
      import { breakLines } from "./shared/caption_lines.js";
      const starts = [...phraseStarts(text, language)];
      output([starts.map((start, n) => text.slice(start, starts[n + 1])),
              breakLines(text, () => ({ limit: 24 }), language)]);
    """
    phrases, lines = evaluate_with_data(script, language=language, text=text)
    weights = json.loads((files("budoux") / "models" / f"{model}.json").read_text(encoding="utf-8"))
    assert phrases == Parser(weights).parse(text)
    ends = set(accumulate(len(phrase) for phrase in phrases))
    assert {*accumulate(len(line) for line in lines)} <= ends
    assert len(lines) > 1


def test_a_character_is_what_readers_see() -> None:
    """A family of emoji, a flag, a letter with marks: no line break divides them, and they are as wide as one."""
    pictures = ["👩🏽\u200d👩🏿\u200d👧\u200d👦", "🇩🇪", "👍🏿", "1\ufe0f\u20e3", "❤\ufe0f\u200d🔥"]
    script = """
      import { columns } from "./shared/characters.js";
      import { breakLines } from "./shared/caption_lines.js";
      output(pictures.map((picture) => [columns(picture), breakLines(picture.repeat(9), () => ({ limit: 8 }))]));
    """
    for picture, (shown, lines) in zip(pictures, evaluate(script, pictures=pictures), strict=True):
        assert shown == width(picture) == 2
        assert lines == break_lines(picture * 9, 8)
        assert lines == [picture * 4, picture * 4, picture]
