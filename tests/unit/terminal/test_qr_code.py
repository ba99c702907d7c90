"""The QR code in a terminal: readable on every background, and left out where it cannot be."""

import io

import pytest
from rich.console import Console

from streamstt.terminal.qr_code import show_qr_code
from tests.support.qr_code import read_terminal

LINK = "https://192.168.178.123:8765/?token=" + "tY3-_" * 6 + "ab"


def console(width: int = 80, **options: object) -> Console:
    values = {"force_terminal": True, "color_system": "truecolor", "_environ": {}} | options
    return Console(file=io.StringIO(), width=width, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("dark_background", [True, False])
@pytest.mark.parametrize("colors", ["truecolor", "256", "standard"])
def test_a_camera_reads_it(colors: str, dark_background: bool) -> None:
    """Black on white, with whatever colors the terminal has."""
    terminal = console(color_system=colors)
    assert show_qr_code(terminal, LINK)
    output = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert output.count("\n") <= 24, "it fits on a small terminal"
    assert read_terminal(output, 80, dark_background=dark_background) == LINK


@pytest.mark.parametrize(
    "options", [{"width": 40}, {"no_color": True}, {"color_system": None}, {"force_terminal": False}]
)
def test_where_it_cannot_be_shown(options: dict[str, object]) -> None:
    """In a narrow terminal, without colors, and in a file it is left out."""
    terminal = console(**options)  # type: ignore[arg-type]
    assert not show_qr_code(terminal, LINK)
    assert terminal.file.getvalue() == ""  # type: ignore[attr-defined]
