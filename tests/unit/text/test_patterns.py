"""What may stand in ``[words]``, and what is found by it."""

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
    ("text", "found"),
    [
        (" So,  we", [" ", "So", ",", " ", "we"]),
        ("don't", ["don", "'", "t"]),
        ("cafe\u0301 हिन्दी", ["cafe\u0301", " ", "हिन्दी"]),
        ("GPU東京", ["GPU", "東", "京"]),
        ("", []),
    ],
)
def test_tokens(text: str, found: list[str]) -> None:
    """Words with their marks, each run of space as one, each sign, and each character of a script without spaces."""
    assert tokenize(text) == found


@pytest.mark.parametrize(
    ("wanted", "said", "count"),
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
def test_phrases(wanted: str, said: str, count: int | None) -> None:
    """A phrase is found whole, in any case; an expression matches whole words; more words could complete a phrase."""
    assert parse_phrase(wanted).match(tokenize(said), 0) == count


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('replace = {" " = "x"}', "nothing to look for"),
        ('replace = {"//" = "x"}', "nothing to look for"),
        ('replace = {"/a(/" = "x"}', "/a(/ is no regular expression"),
        ('replace = {"/(a b)/" = "x"}', "each part between spaces is for one word"),
        ('replace = {"/(a+)+/" = "x"}', "repeats a group"),
        ('replace = {"/(ab){2,}/" = "x"}', "repeats a group"),
        ('replace = {"/a*b*c*d*e*/" = "x"}', "more than 4 of * + ? {"),
        (f'replace = {{"/{"(a|a)" * 30}b/" = "x"}}', "more than 4 of * + ? {"),
        ("replace = {'/(a)/' = '\\2'}", "names group 2, and there are 1"),
        (f'replace = {{"{"a " * 11}" = "x"}}', "is too long"),
        ('replace = [["a", "b"], ["a"]]', "words.replace.1.1"),
        ('replace = "jon"', "'jon' is no replacement; one looks like jon=John"),
        ("replace = [" + '["a", "b"],' * 1001 + "]", "1000 are the most"),
        ('profanity_words = ["son of a gun"]', "phrases go into words.replace"),
        ('profanity_words = ["*"]', "is not one word"),
        ('fillers = "maybe"', "words.fillers"),
    ],
)
def test_mistakes(written: str, told: str, tmp_path: Path) -> None:
    """A mistake is told when the settings are read, with the setting, what is wrong, and what to write."""
    with pytest.raises(ConfigError, match=re.escape(told)):
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
    """Replacements are a table, a list of pairs, or one string as on the command line; their order is kept."""
    assert settings(f"[words]\n{written}\n", tmp_path) == (("cube net ease", "Kubernetes"), ("jon", "John"))


@pytest.mark.parametrize("written", ["/a*a*a*a*b/", "/(a|aa)a*a*a*b/", "/.*.*.*.*x/", r"/\w*\w*\w*\w{3,}_/"])
def test_no_expression_takes_long(written: str) -> None:
    """The worst that is let in decides on the longest word within a tenth of a second: captions wait for it."""
    wanted: Phrase = parse_phrase(written)
    begun = time.process_time()
    wanted.match(["a" * MAX_WORD_LETTERS], 0)
    assert time.process_time() - begun < 0.1
