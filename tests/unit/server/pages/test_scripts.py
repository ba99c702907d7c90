"""The pages' scripts that need no browser, run by Deno."""

import json
import subprocess
import sysconfig
from importlib.resources import files
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from budoux import Parser

from streamstt.text import line_break_data
from tests.support.paths import DATA, ROOT

DENO = Path(sysconfig.get_path("scripts")) / "deno"
PAGES = ROOT / "streamstt" / "server" / "pages"

# A WebSocket and a clock that do what the test says: `sockets` are all that were opened, `timers` those that are due.
FAKES = """
  const sockets = [];
  globalThis.WebSocket = class {
    constructor(url) { this.url = url; this.sent = []; sockets.push(this); }
    send(data) { this.sent.push(data); }
    close() { this.closed = true; }
  };
  const timers = new Map();
  let next = 1;
  globalThis.setTimeout = (action, ms) => { timers.set(next, { action, ms }); return next++; };
  globalThis.clearTimeout = (id) => timers.delete(id);
  const elapse = () => { const [[id, { action, ms }]] = timers; timers.delete(id); action(); return ms; };
"""


def evaluate(script: str, **values: Any) -> Any:
    """Runs a module in the folder of the pages, with these values as constants.

    Returns:
        What it gives to ``output``.
    """
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
    output = "const output = (value) => console.log(JSON.stringify(value));\n"
    done = subprocess.run(
        [DENO, "run", "--quiet", "--no-config", "--no-lock", "--no-remote", "--allow-read=.", "--ext=js", "-"],
        input=f"{output}{constants}{script}",
        cwd=PAGES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_lines_as_in_files() -> None:
    """The overlay breaks the texts of tests/data/lines.json as subtitle files do."""
    vectors = json.loads((DATA / "lines.json").read_text())
    script = """
      import { breakLines } from "./shared/caption_lines.js";
      output(vectors.map(({ text, limit, language }) => breakLines(text, () => ({ limit }), language)));
    """
    broken = evaluate(script, vectors=vectors)
    assert broken == [vector["lines"] for vector in vectors]
    assert len(broken) > 30


@pytest.mark.parametrize("name", ["COUNTERS", "DOTTED_TITLES", "NUMERALS", "TITLES", "UNITS"])
def test_the_same_words_as_in_files(name: str) -> None:
    """The lists behind that rule are the same in both languages."""
    script = """
      import * as data from "./shared/line_break_data.js";
      output([...data[name]]);
    """
    assert set(evaluate(script, name=name)) == set(getattr(line_break_data, name))


def test_the_same_openers_as_in_files() -> None:
    """So are the words before which a line is broken."""
    script = """
      import { OPENERS } from "./shared/line_break_data.js";
      output(Object.fromEntries(Object.entries(OPENERS).map(([language, words]) => [language, [...words]])));
    """
    openers = evaluate(script)
    assert {language: set(words) for language, words in openers.items()} == line_break_data.PHRASE_OPENERS


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("We went to the large house", "We went to the large house, and", "We went to the large house"),
        ("We went to the large house", "We went to the large houses", "We went to the large"),
        ("We want to the house", "And we went to the house", "We to the house"),
        ("We went", "We went", "We went"),
        ("", "We", ""),
        ("日本語の字", "日本語、の幕", "日 本 語 の"),
        ("so 🎉", "so 🎊", "so"),
    ],
)
def test_words_are_found_again(before: str, after: str, same: str) -> None:
    """In the next revision of a text; a longer word is another word, added punctuation changes nothing."""
    script = """
      import { alignWords, splitWords } from "./shared/word_alignment.js";
      const [old, fresh] = [splitWords(before), splitWords(after)];
      const found = old.filter((_, n) => alignWords(old, fresh)[n] >= 0);
      output(found.map(({ start, end }) => before.slice(start, end)).join(" "));
    """
    assert evaluate(script, before=before, after=after) == same


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
    weights = json.loads((files("budoux") / "models" / f"{model}.json").read_text(encoding="utf-8"))
    script = """
      import { addModel, phraseStarts } from "./shared/phrases.js";
      import { breakLines } from "./shared/caption_lines.js";
      addModel(model, weights);
      const starts = [...phraseStarts(text, language)];
      output([starts.map((start, n) => text.slice(start, starts[n + 1])),
              breakLines(text, () => ({ limit: 24 }), language)]);
    """
    phrases, lines = evaluate(script, model=model, language=language, text=text, weights=weights)
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
    for picture, (width, lines) in zip(pictures, evaluate(script, pictures=pictures), strict=True):
        assert width == 2
        assert lines == [picture * 4, picture * 4, picture]


def test_clients_of_a_restarted_daemon_do_not_return_in_step() -> None:
    """The first waits of a thousand clients are spread evenly; later ones grow, to ten seconds at most."""
    script = """
      import { Backoff } from "./shared/backoff.js";
      const clients = Array.from({ length: 1000 }, () => new Backoff());
      output(Array.from({ length: 8 }, () => clients.map((client) => client.next())));
    """
    attempts = evaluate(script)
    for waits in attempts:
        assert min(waits) >= 500
        assert max(waits) <= 10_000
    assert max(attempts[0]) <= 1_000
    for waits in attempts:
        ordered = sorted(waits)
        assert max(after - before for before, after in pairwise(ordered)) < 0.05 * (ordered[-1] - ordered[0])
    means = [sum(waits) / len(waits) for waits in attempts]
    assert means[0] < means[1] < means[2] < means[3]


def test_a_lost_socket_is_opened_again() -> None:
    """After a loss, or without a greeting in time, it waits and connects again; a greeting resets the wait."""
    script = f"""
      {FAKES}
      import {{ ReconnectingSocket }} from "./shared/socket.js";
      const log = [];
      const socket = new ReconnectingSocket({{
        url: () => "ws://x",
        onConnecting: (failures) => log.push(`connecting after ${{failures}}`),
        onMessage: (message) => log.push(message),
        onLost: () => log.push("lost"),
      }}, 7000);
      socket.connect();
      const overdue = elapse(); // no greeting
      const first = elapse();
      sockets[0].onmessage({{ data: '"too late"' }});
      sockets[1].onclose();
      const second = elapse();
      sockets[2].onmessage({{ data: '"hello"' }});
      socket.established();
      const pending = timers.size;
      sockets[2].onclose();
      const third = elapse();
      socket.close();
      output({{ log, overdue, pending, left: timers.size, waits: [first, second, third] }});
    """
    result = evaluate(script)
    assert result["log"] == [
        "connecting after 0",
        "lost",
        "connecting after 1",
        "lost",
        "connecting after 2",
        "hello",
        "lost",
        "connecting after 1",
    ]
    assert result["overdue"] == 7000
    assert result["pending"] == result["left"] == 0
    first, second, third = result["waits"]
    assert 500 <= first <= 1_000
    assert 500 <= second <= 2_000
    assert 500 <= third <= 1_000
