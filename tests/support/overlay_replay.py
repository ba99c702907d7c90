"""Plays captions to the overlay as fast as it paints them, and measures each word at every frame.

The page is the real one; only its WebSocket is replaced, so that one script in the page sends a message, waits for the
next frame, and measures.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selenium import webdriver

from tests.support.browser import until

Message = dict[str, Any]
BROWSER_LIMIT_S = 600

SOCKET = """
  window.WebSocket = class { constructor() { window.socket = this; } send() {} close() {} };
"""

# Plays batches of messages; returns {moves, outside, frames}, see Measured.
REPLAY = """
  const [batches, done] = arguments;
  const nextFrame = () => new Promise(resolve => requestAnimationFrame(resolve));
  const send = message => socket.onmessage({ data: JSON.stringify(message) });
  const moves = [], outside = [];
  let frames = 0;
  const note = (list, what) => list.push(`frame ${frames}: ${what}`);

  // The words of all rows, in order: {text, row, x, before: the text before it on its row}.
  function wordsShown() {
    const words = [];
    for (const row of document.querySelectorAll('#lines .line')) {
      const rtl = getComputedStyle(row).direction === 'rtl';
      const text = [...row.querySelectorAll('.stable, .tentative')].map(part => part.textContent).join('');
      const range = document.createRange();
      const nodes = [...row.querySelectorAll('.stable, .tentative')].map(part => part.firstChild).filter(Boolean);
      const point = offset => {
        for (const node of nodes) {
          if (offset <= node.length) return [node, offset];
          offset -= node.length;
        }
      };
      for (const { segment, index } of segments(text)) {
        range.setStart(...point(index));
        range.setEnd(...point(index + segment.length));
        const boxes = [...range.getClientRects()].filter(box => box.width);
        if (!boxes.length) continue;
        const x = rtl ? Math.max(...boxes.map(box => box.right)) : Math.min(...boxes.map(box => box.left));
        words.push({ text: segment, row, x, before: text.slice(0, index) });
      }
    }
    return words;
  }
  // Words, and characters of scripts without spaces.
  function segments(text) {
    return [...text.matchAll(/[\\u2e80-\\u9fff\\uff00-\\uffef]|[^\\s\\u2e80-\\u9fff\\uff00-\\uffef]+/gu)]
      .map(({ 0: segment, index }) => ({ segment, index }));
  }
  const bare = text => text.replace(/[^\\p{L}\\p{M}\\p{N}]+/gu, '').toLowerCase() || text;

  function compare(before, now) {
    const staying = before.filter(word => word.row.isConnected); // the others have moved out at the top
    for (const [one, other] of same(staying, now)) {
      const by = other.x - one.x;
      if (one.row !== other.row) note(moves, `${one.text} to the line ${other.row.textContent}`);
      else if (one.before === other.before && Math.abs(by) > 0.8) note(moves, `${one.text} sideways by ${by}`);
    }
  }
  // Pairs of the same word: the longest common sequence.
  function same(a, b) {
    const n = a.length, m = b.length;
    const table = Array.from({ length: n + 1 }, () => new Array(m + 1).fill(0));
    const equal = (i, j) => bare(a[i].text) === bare(b[j].text);
    for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--)
      table[i][j] = equal(i, j) ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    const pairs = [];
    for (let i = 0, j = 0; i < n && j < m; )
      if (equal(i, j)) pairs.push([a[i++], b[j++]]);
      else if (table[i + 1][j] >= table[i][j + 1]) i++;
      else j++;
    return pairs;
  }
  function checkBox() {
    const box = document.querySelector('#box').getBoundingClientRect();
    for (const row of document.querySelectorAll('#lines .line')) {
      const range = document.createRange();
      range.selectNodeContents(row);
      const { left, right } = range.getBoundingClientRect();
      const by = Math.max(box.left - left, right - box.right);
      if (by > 0.5) note(outside, `by ${by} px: ${row.textContent.toWellFormed().slice(0, 90).toWellFormed()}`);
    }
  }

  (async () => {
    send({ type: 'hello', protocol: 1, session: 's', seq: 0, sources: SOURCES, history: [] });
    let previous = [];
    for (const batch of batches) {
      const start = previous;
      for (const message of batch) {
        send(message);
        await nextFrame();
        frames++;
        const now = wordsShown();
        compare(previous, now);
        checkBox();
        previous = now;
      }
      if (batch.length > 1) compare(start, previous);
    }
    done({ moves: moves.slice(0, 99), outside: outside.slice(0, 99), frames }); // enough to see what is wrong
  })().catch(error => done({ moves: [String(error.stack)], outside: [], frames }));
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen.

    Attributes:
        moves: Each movement of a word that was shown and stays.
        outside: Each row that was wider than the box.
        frames: Number of frames.
    """

    moves: list[str]
    outside: list[str]
    frames: int


def replay(browser: webdriver.Chrome, url: str, batches: Sequence[Sequence[Message]]) -> Measured:
    """Opens the overlay, and plays captions to it.

    Args:
        browser: A browser.
        url: Address of the overlay.
        batches: Messages of the protocol without ``seq``; those of a batch were published at the same time.
    """
    replaced = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SOCKET})
    try:
        browser.get(url)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", replaced)
    until(browser, "return window.socket?.onmessage != null", bool, "the overlay connects")
    names = {message["source"] for batch in batches for message in batch}
    sources = [{"name": name, "label": name} for name in sorted(names)]
    browser.set_script_timeout(BROWSER_LIMIT_S)
    script = REPLAY.replace("SOURCES", json.dumps(sources))
    return Measured(**browser.execute_async_script(script, batches))
