"""Watches the overlay in a browser: where each word is, at every frame."""

import struct
import zlib
from base64 import b64decode
from typing import Any

from selenium import webdriver

ROWS = "return Array.from(document.querySelectorAll('#lines .line:not(.vacant)'), e => e.textContent)"
# Rows whose middle is inside the visible box.
VISIBLE = """
  const clip = document.querySelector('#clip').getBoundingClientRect();
  const middle = e => { const r = e.getBoundingClientRect(); return (r.top + r.bottom) / 2; };
  const rows = Array.from(document.querySelectorAll('#lines .line'));
  return rows.filter(e => middle(e) > clip.top && middle(e) < clip.bottom).map(e => e.textContent);
"""
BOX = "const r = document.querySelector('#box').getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]"
STILL = "return document.getAnimations().length === 0"

# Records as `shifts` every movement that a shown word must not make: to another line, sideways, or down; and, between
# two moments without animation, by anything but whole lines.
WATCH = """
  window.shifts = [];
  window.frames = 0;
  window.everShown = new Set();
  const seen = new Map(); // row -> {settled, words: [{text, x, y}], rest: y of the row at rest}
  function wordsOf(row) {
    const words = [];
    for (const part of row.querySelectorAll('.stable, .tentative')) {
      const node = part.firstChild;
      for (const { 0: text, index } of (node?.data ?? '').matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + text.length);
        const { left, right, top } = range.getBoundingClientRect();
        words.push({ text, x: getComputedStyle(row).direction === 'rtl' ? right : left, y: top });
      }
    }
    return words;
  }
  function compare(row, before, now) {
    if (!now.settled.startsWith(before.settled)) shifts.push(`left its line: ${before.settled} | ${now.settled}`);
    before.words.every((word, n) => {
      const other = now.words[n];
      if (other?.text !== word.text) return false; // changed by the daemon: the words after it may move
      if (Math.abs(other.x - word.x) > 0.8) shifts.push(`sideways by ${other.x - word.x}: ${word.text}`);
      if (other.y > word.y + 0.8) shifts.push(`down by ${other.y - word.y}: ${word.text}`);
      return true;
    });
  }
  function checkFrame() {
    frames++;
    const quiet = document.getAnimations().length === 0;
    for (const row of document.querySelectorAll('#lines .line')) {
      const settled = row.querySelector('.stable').textContent.trimEnd();
      const now = { settled, words: wordsOf(row), rest: seen.get(row)?.rest };
      for (const { text } of now.words) everShown.add(text);
      if (seen.has(row)) compare(row, seen.get(row), now);
      const { top, height } = row.getBoundingClientRect();
      if (quiet) {
        const rows = (top - (now.rest ?? top)) / height;
        if (Math.abs(rows - Math.round(rows)) > 0.03) shifts.push(`by ${rows} lines: ${row.textContent}`);
        now.rest = top;
      }
      seen.set(row, now);
    }
    requestAnimationFrame(checkFrame);
  }
  checkFrame();
"""

# Records as `shownTexts` each text that was on the screen, and as `shownRows` each list of rows, in order.
RECORD = """
  window.shownTexts = [];
  window.shownRows = [];
  const note = () => {
    const text = document.body.innerText.trim();
    if (text !== shownTexts.at(-1)) shownTexts.push(text);
    const rows = Array.from(document.querySelectorAll('#lines .line:not(.vacant)'), e => e.textContent);
    if (JSON.stringify(rows) !== JSON.stringify(shownRows.at(-1))) shownRows.push(rows);
    localStorage.shownTexts = JSON.stringify(shownTexts); // for another tab
  };
  note();
  new MutationObserver(note).observe(document.body, {
    attributes: true, characterData: true, childList: true, subtree: true });
"""


def pixel(browser: webdriver.Chrome, x: float, y: float, behind: tuple[int, int, int, float]) -> tuple[int, ...]:
    """Returns the color (r, g, b, a) of one pixel as the browser paints it in front of a backdrop of one color."""
    color = dict(zip("rgba", behind, strict=True))
    browser.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {"color": color})
    clip = {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}
    shot: dict[str, Any] = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    return _only_pixel(b64decode(shot["data"]))


def _only_pixel(png: bytes) -> tuple[int, ...]:
    """Returns the samples of a PNG of one pixel (PNG specification, third edition, 5 and 9: no filter changes them)."""
    chunks, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            chunks += png[at + 8 : at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompress(chunks)[1:])
