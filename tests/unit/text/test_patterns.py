"""What ``[words]`` may contain, and what it matches."""

import re
import time
from pathlib import Path

import pytest

from streamstt.config.loader import load
from streamstt.errors import ConfigError
from streamstt.text.patterns import MAX_WORD_LETTERS, NEED_MORE, Phrase, parse_phrase, tokenize


def settings(text: str, folder: Path) -> tuple[tuple[str, str], ...]:
    file = folder / "given.toml"
    file.write_text(text, encoding="utf-8")
    return load(file=file, environ={}).settings.words.replace


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (" So,  we", [" ", "So", ",", " ", "we"]),
        ("don't", ["don", "'", "t"]),
        ("cafe\u0301 हिन्दी", ["cafe\u0301", " ", "हिन्दी"]),
        ("GPU東京", ["GPU", "東", "京"]),
        ("", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    """Words with combining marks, runs of white space, punctuation, and characters of scripts without spaces."""
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("phrase", "spoken", "count"),
    [
        ("New York", "new york city", 3),
        ("New York", "new", NEED_MORE),
        ("New York", "newer york", None),
        ("C++", "c++", 3),
        ("node.js", "Node.js", 3),
        ("/colou?r/", "Color", 1),
        ("/colou?r/", "colors", None),
        ("/(new|old) york/", "old York", 3),
        ("/new york/", "new", NEED_MORE),
        ("/", "/", 1),
        (r"/\d+/", "1234", 1),
        (r"/\w+/", "x" * (MAX_WORD_LETTERS + 1), None),
    ],
)
def test_phrases(phrase: str, spoken: str, count: int | None) -> None:
    """Phrases match whole words in any case, expressions match one word each, and a phrase may still be incomplete."""
    assert parse_phrase(phrase).match(tokenize(spoken), 0) == count


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('replace = {" " = "x"}', "the phrase is empty"),
        ('replace = {"//" = "x"}', "the phrase is empty"),
        ('replace = {"/a(/" = "x"}', "/a(/ is not a regular expression"),
        ('replace = {"/(a b)/" = "x"}', "each part between spaces is an expression of its own"),
        ('replace = {"/(a+)+/" = "x"}', "repeats a group"),
        ('replace = {"/(ab){2,}/" = "x"}', "repeats a group"),
        ('replace = {"/a*b*c*d*e*/" = "x"}', "more than 4 of * + ? {"),
        (f'replace = {{"/{"(a|a)" * 30}b/" = "x"}}', "more than 4 of * + ? {"),
        ("replace = {'/(a)/' = '\\2'}", "refers to group 2, but there are 1"),
        (f'replace = {{"{"a " * 11}" = "x"}}', "is too long"),
        ('replace = [["a", "b"], ["a"]]', "words.replace.1.1"),
        ('replace = "jon"', "invalid replacement 'jon'; expected for example jon=John"),
        ("replace = [" + '["a", "b"],' * 1001 + "]", "at most 1000 are allowed"),
        ('profanity_words = ["son of a gun"]', "use words.replace for phrases"),
        ('profanity_words = ["*"]', "is not a single word"),
        ('fillers = "maybe"', "words.fillers"),
    ],
)
def test_mistakes(written: str, message: str, tmp_path: Path) -> None:
    """A mistake is reported when the settings are loaded: what is wrong, and what to write."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        settings(f"[words]\n{written}\n", tmp_path)


@pytest.mark.parametrize(
    "written",
    [
        'replace = {"cube net ease" = "Kubernetes", jon = "John"}',
        'replace = [["cube net ease", "Kubernetes"], ["jon", "John"]]',
        'replace = "cube net ease = Kubernetes, jon=John"',
        '[words.replace]\n"cube net ease" = "Kubernetes"\njon = "John"',
    ],
)
def test_ways_to_write_it(written: str, tmp_path: Path) -> None:
    """Replacements are a table, a list of pairs, or one string as on the command line, in this order."""
    assert settings(f"[words]\n{written}\n", tmp_path) == (("cube net ease", "Kubernetes"), ("jon", "John"))


@pytest.mark.parametrize("written", ["/a*a*a*a*b/", "/(a|aa)a*a*a*b/", "/.*.*.*.*x/", r"/\w*\w*\w*\w{3,}_/"])
def test_no_expression_takes_long(written: str) -> None:
    """The slowest expression that is accepted takes less than 0.1 s for the longest word: captions wait for it."""
    phrase: Phrase = parse_phrase(written)
    start = time.process_time()
    phrase.match(["a" * MAX_WORD_LETTERS], 0)
    assert time.process_time() - start < 0.1
