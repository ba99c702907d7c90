"""A QR code in a terminal: two rows of it in each line, black on white whatever the terminal's colors are."""

from rich.console import Console
from rich.text import Text

from streamstt.server.qr_code import qr_rows

HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
STYLE = "#000000 on #ffffff"


def show_qr_code(console: Console, text: str) -> bool:
    """Prints a QR code; returns False if the terminal is too narrow for it, or cannot show black on white.

    Args:
        console: The terminal.
        text: What the code says.
    """
    rows = qr_rows(text)
    if not console.is_terminal or console.no_color or console.color_system is None or len(rows[0]) > console.width:
        return False
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ["".join(HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs]
    console.print(Text("\n").join(Text(line, STYLE) for line in lines), soft_wrap=True)
    return True
