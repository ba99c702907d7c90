"""Plays captions to a page as fast as it paints them, and measures each word at every frame.

The page is the real one, the overlay or the captions page; only its WebSocket is replaced, so that one script in the
page sends a message, waits for the next frame, and measures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selenium import webdriver

from tests.support.browser import set_viewport, until

Message = dict[str, Any]
BROWSER_LIMIT_S = 600

SOCKET = """
  window.WebSocket = class { constructor() { window.socket = this; } send() {} close() {} };
"""

# What differs between the pages: the rows; the texts of a row; whether a word is where it was; what no row may leave.
PAGES = {
    "overlay": """{
      rows: '#lines .line', parts: '.stable, .tentative', origin: '#lines', box: '#box',
      stays: (one, other) => one.row === other.row,
    }""",
    "captions": """{
      rows: '.caption', parts: '.text', origin: '#rows', box: '#scroller',
      stays: (one, other) => Math.abs(one.y - other.y) < 0.8,
    }""",
}

# Plays batches of messages; returns {moves, pushed, outside, frames}, see Measured.
REPLAY = """
  const [batches, opened, done] = arguments;
  const page = PAGE;
  const nextFrame = () => new Promise(resolve => requestAnimationFrame(resolve));
  const send = message => socket.onmessage({ data: JSON.stringify(message) });
  const found = { moves: [], pushed: [], outside: [], frames: 0 };
  const speakers = new WeakMap(); // row -> the source of the message with which it came
  const note = (kind, what) => found[kind].push(`frame ${found.frames}: ${what}`);
  let source;

  // The words of all rows: {text, row, speaker, x, y: on the page, top: on the screen, line: the text of its line,
  // before: the part before it, turned: whether it runs against its line; such words make room for those after them}.
  function wordsShown() {
    const words = [];
    const origin = document.querySelector(page.origin).getBoundingClientRect().top;
    for (const row of document.querySelectorAll(page.rows)) {
      if (!speakers.has(row)) speakers.set(row, source);
      const speaker = row.dataset.source ?? speakers.get(row);
      const rtl = getComputedStyle(row.querySelector(page.parts)).direction === 'rtl';
      const text = [...row.querySelectorAll(page.parts)].map(part => part.textContent).join('');
      for (const { segment, index } of segments(text)) {
        const boxes = boxesOf(row, index, index + segment.length);
        if (!boxes.length) continue;
        const x = rtl ? Math.max(...boxes.map(box => box.right)) : Math.min(...boxes.map(box => box.left));
        const { top } = boxes[0];
        const turned = rtl ? /[a-z]/i.test(segment) : RIGHT_TO_LEFT.test(segment);
        words.push({ text: segment, row, speaker, x, y: top - origin, top, turned, spaced: spaced(text, index) });
      }
    }
    let line = [];
    words.forEach((word, n) => {
      if (n && word.speaker === words[n - 1].speaker && page.stays(words[n - 1], word)) line.push(word);
      else line = [word];
      const texts = line.map(({ text, spaced }) => spaced ? ` ${text}` : text);
      word.before = texts.slice(0, -1).join('') + (word.spaced ? ' ' : '');
      for (const one of line) one.line = texts.join('');
    });
    return words.filter(({ text }) => /[\\p{L}\\p{N}]/u.test(text));
  }
  // Whether there is a space before the word; rows that begin within a line begin without one.
  const spaced = (text, index) => index ? /\\s/.test(text[index - 1]) : !WIDE.test(text);
  const RIGHT_TO_LEFT = /[\\u0590-\\u08ff]/u;
  const WIDE = /^[\\u2e80-\\u9fff\\uff00-\\uffef]/u;
  // Words, and characters of scripts without spaces.
  function segments(text) {
    return [...text.matchAll(/[\\u2e80-\\u9fff\\uff00-\\uffef]|[^\\s\\u2e80-\\u9fff\\uff00-\\uffef]+/gu)]
      .map(({ 0: segment, index }) => ({ segment, index }));
  }
  function boxesOf(row, start, end) {
    const boxes = [];
    let offset = 0;
    for (const part of row.querySelectorAll(page.parts)) {
      const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; offset += node.length, node = walker.nextNode()) {
        const [from, to] = [start, end].map(at => Math.min(Math.max(at - offset, 0), node.length));
        if (from === to) continue;
        const range = document.createRange();
        range.setStart(node, from);
        range.setEnd(node, to);
        boxes.push(...[...range.getClientRects()].filter(box => box.width));
      }
    }
    return boxes;
  }
  const bare = text => text.replace(/[^\\p{L}\\p{M}\\p{N}]+/gu, '').toLowerCase() || text;

  function compare(before, now) {
    const staying = before.filter(word => word.row.isConnected || page.box === '#scroller'); // others have moved out
    const of = (words, speaker) => words.filter(word => word.speaker === speaker);
    const all = [...new Set(now.map(word => word.speaker))];
    for (const [one, other] of all.flatMap(speaker => same(of(staying, speaker), of(now, speaker)))) {
      const by = one.before === other.before && !one.turned ? other.x - one.x : 0;
      // Corrected words before it may have taken the room.
      const left = now.find(word => word.speaker === one.speaker && page.stays(one, word))?.line ?? '';
      const kind = left.startsWith(one.before.trimEnd()) ? 'moves' : 'pushed';
      if (!page.stays(one, other)) note(kind, `${one.text} from the line ${one.line} to ${other.line}`);
      else if (Math.abs(by) > 0.8) note('moves', `${one.text} sideways by ${by}`);
      else if (page.box === '#scroller' && other.top > one.top + 0.8) note('moves', `${one.text} down`);
    }
  }
  // Pairs of the same word: as many as possible, in order; of words that are said twice, those that stay.
  function same(before, now) {
    let common = 0;
    const alike = (one, other) => one && other && bare(one.text) === bare(other.text);
    while (alike(before[common], now[common]) && page.stays(before[common], now[common])) common++;
    const pairs = before.slice(0, common).map((word, n) => [word, now[n]]);
    const [a, b] = [before.slice(common), now.slice(common)];
    const n = a.length, m = b.length;
    const table = Array.from({ length: n + 1 }, () => new Array(m + 1).fill(0));
    const worth = (i, j) => !alike(a[i], b[j]) ? 0 : page.stays(a[i], b[j]) ? 1.001 : 1;
    for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--)
      table[i][j] = Math.max(worth(i, j) && worth(i, j) + table[i + 1][j + 1], table[i + 1][j], table[i][j + 1]);
    for (let i = 0, j = 0; i < n && j < m; )
      if (worth(i, j) && table[i][j] === worth(i, j) + table[i + 1][j + 1]) pairs.push([a[i++], b[j++]]);
      else if (table[i][j] === table[i + 1][j]) i++;
      else j++;
    return pairs;
  }
  function checkBox() {
    const box = document.querySelector(page.box).getBoundingClientRect();
    for (const row of document.querySelectorAll(page.rows)) {
      const range = document.createRange();
      range.selectNodeContents(row);
      const { left, right } = range.getBoundingClientRect();
      const by = Math.max(box.left - left, right - box.right);
      if (by > 0.5) note('outside', `by ${by} px: ${row.textContent.toWellFormed().slice(0, 90).toWellFormed()}`);
    }
  }

  (async () => {
    const hello = { type: 'hello', protocol: 1, session: 's', seq: 0, sources: SOURCES, history: [] };
    if (!opened) send(hello);
    await nextFrame();
    let previous = [];
    for (const batch of batches) {
      const start = previous;
      for (const message of batch) {
        ({ source } = message);
        send(message);
        await nextFrame();
        found.frames++;
        const now = wordsShown();
        compare(previous, now);
        checkBox();
        previous = now;
      }
      if (batch.length > 1) compare(start, previous);
    }
    for (const kind of ['moves', 'pushed', 'outside']) found[kind].splice(99); // enough to see what is wrong
    done(found);
  })().catch(error => done({ ...found, moves: [String(error.stack)] }));
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen.

    Attributes:
        moves: Each movement of a word that was shown and stays.
        pushed: Those of words that left their line because words before them on the line were corrected.
        outside: Each row that was wider than the box.
        frames: Number of frames.
    """

    moves: list[str]
    pushed: list[str]
    outside: list[str]
    frames: int

    def __add__(self, later: "Measured") -> "Measured":
        return Measured(
            self.moves + later.moves,
            self.pushed + later.pushed,
            self.outside + later.outside,
            self.frames + later.frames,
        )


def replay(
    browser: webdriver.Chrome,
    url: str,
    batches: Sequence[Sequence[Message]],
    page: str = "overlay",
    sizes: Sequence[tuple[int, int]] = (),
) -> Measured:
    """Opens a page, and plays captions to it.

    Args:
        browser: A browser.
        url: Address of the page.
        batches: Messages of the protocol without ``seq``; those of a batch were published at the same time.
        page: ``overlay`` or ``captions``.
        sizes: Width and height of the window, in CSS pixels, for each of as many equal parts of the batches.
    """
    replaced = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SOCKET})
    try:
        browser.get(url)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", replaced)
    until(browser, "return window.socket?.onmessage != null", bool, "the page connects")
    names = {message["source"] for batch in batches for message in batch}
    sources = [{"name": name, "label": name} for name in sorted(names)]
    browser.set_script_timeout(BROWSER_LIMIT_S)
    script = REPLAY.replace("SOURCES", json.dumps(sources)).replace("PAGE", PAGES[page], 1)
    measured = Measured([], [], [], 0)
    count = max(1, len(sizes))
    for n in range(count):
        if sizes:
            set_viewport(browser, *sizes[n])
        part = batches[n * len(batches) // count : (n + 1) * len(batches) // count]
        measured += Measured(**browser.execute_async_script(script, part, n > 0))
    return measured
