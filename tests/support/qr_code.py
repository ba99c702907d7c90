"""Reads QR codes, as a phone's camera does."""

from collections.abc import Sequence

import numpy as np
import pyte
import zxingcpp

SCALE = 8  # pixels of a module


def read_modules(rows: Sequence[Sequence[bool]]) -> str:
    """Returns what a code says; empty if it cannot be read.

    Args:
        rows: Its modules; True is dark.
    """
    dark = np.kron(np.array(rows, bool), np.ones((SCALE, SCALE), bool))
    return read_pixels(np.where(dark, 0, 255).astype(np.uint8))


def read_pixels(gray: np.ndarray) -> str:
    """Returns what the only code in an image says, shape (height, width), 0 is black; empty if there is none."""
    found = zxingcpp.read_barcodes(np.ascontiguousarray(gray))
    return found[0].text if len(found) == 1 else ""


def read_terminal(output: str, columns: int, *, dark_background: bool) -> str:
    """Returns what the code on a terminal says, in the colors that a person sees; empty if there is none.

    Args:
        output: What was written to the terminal.
        columns: Its width.
        dark_background: Whether its own colors are white on black, or black on white.
    """
    screen = pyte.Screen(columns, 200)
    pyte.Stream(screen).feed(output.replace("\n", "\r\n"))
    own = {"fg": not dark_background, "bg": dark_background}  # True is dark
    rows: list[list[bool]] = []
    for y in range(screen.lines):
        cells = [screen.buffer[y][x] for x in range(columns)]
        ink = [own["fg"] if cell.fg == "default" else _is_dark(cell.fg) for cell in cells]
        paper = [own["bg"] if cell.bg == "default" else _is_dark(cell.bg) for cell in cells]
        upper = [i if c.data in "▀█" else p for c, i, p in zip(cells, ink, paper, strict=True)]
        lower = [i if c.data in "▄█" else p for c, i, p in zip(cells, ink, paper, strict=True)]
        rows += [upper, lower]
    return read_modules(rows)


def _is_dark(color: str) -> bool:
    return color == "black" or (len(color) == 6 and sum(bytes.fromhex(color)) < 3 * 128)
