"""What is shown in a terminal, as lines, and on a screen of pyte's."""

import io

import pyte
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from streamstt.events import Final, Partial, State
from streamstt.terminal.caption_view import CaptionView
from streamstt.terminal.dashboard import CAPTION_LINES, DashboardState, SourceRow, dashboard_lines
from streamstt.terminal.level_bar import bar, format_decibels
from streamstt.terminal.live_region import LiveRegion
from streamstt.terminal.text import Palette, fit, format_partial, last_lines, replace_controls


def console(width: int = 40, height: int = 10) -> Console:
    """A terminal that keeps what is written."""
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system="truecolor")


def screen(written: Console) -> list[str]:
    """What a person sees of it."""
    shown = pyte.Screen(written.width, written.height)
    text = written.file.getvalue()  # type: ignore[attr-defined]
    pyte.Stream(shown).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in shown.display]


def final(text: str, source: str = "a", number: int = 1) -> dict:
    return {"type": "final", "source": source, "id": f"{source}{number}", "seq": number, "text": text}


def open_line(text: str, source: str = "a", stable: int = 0) -> dict:
    return {"type": "partial", "source": source, "text": text, "stable": stable}


def hello(*sources: str) -> dict:
    return {"type": "hello", "sources": [{"name": s, "label": s.upper()} for s in sources], "history": []}


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\x07", "\x9b2J", "\u202eabc"])
def test_what_is_spoken_steers_no_terminal(text: str) -> None:
    """Control characters and changes of direction are shown as marks."""
    assert not set(replace_controls(text)) & set("\x1b\r\x07\x9b\u202e")
    assert len(replace_controls(text)) == len(text)


def test_letters_of_every_script_stay() -> None:
    """Joiners of Persian and emoji are no steering."""
    for text in ("\u0646\u200c\u0647", "👩\u200d👩", "日本語", "naïve"):
        assert replace_controls(text) == text


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize(
    "text", ["one two three four five six seven eight nine ten " * 2 + "end", "日本語の字幕はここに出ます。" * 4]
)
def test_the_end_of_a_long_caption(text: str, rows: int) -> None:
    """Cut at the front, and an ellipsis says so; no line is wider than the terminal, whatever the script."""
    lines = last_lines(Text(text), 21, rows, console())
    assert len(lines) <= rows
    assert all(cell_len(line.plain) <= 21 for line in lines)
    assert lines[0].plain.startswith("…")
    assert text.endswith(lines[-1].plain.removeprefix("…"))


def test_lines_that_are_shown_stay_while_it_grows() -> None:
    """A word more changes no line but the last: nothing jumps."""
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    before = [line.plain for line in last_lines(Text(" ".join(words[:9])), 20, 3, console())]
    after = [line.plain for line in last_lines(Text(" ".join(words[:10])), 20, 3, console())]
    assert before[:-1] == after[: len(before) - 1]


def test_what_may_change_is_dim() -> None:
    """From the character on that is not stable."""
    assert [(span.start, span.style) for span in format_partial("it is so", 5).spans] == [(5, "dim")]


@pytest.mark.parametrize(("text", "width"), [("abc", 5), ("abcdef", 5), ("日本語字幕", 5), ("", 3), ("abc", 0)])
def test_fitted(text: str, width: int) -> None:
    """Exactly so many columns."""
    assert cell_len(fit(text, width)) == width


def test_a_source_keeps_its_colour() -> None:
    """Whoever comes later, in whatever order of the alphabet."""
    palette = Palette()
    palette.add("them")
    before = palette.color("them")
    palette.add("a")
    assert palette.color("them") == before != palette.color("a")


@pytest.mark.parametrize("width", [0, 1, 10, 60])
@pytest.mark.parametrize(("rms", "peak"), [(-100, -100), (-30, -12), (0, 0), (-59, 3)])
def test_a_bar_has_its_width(rms: float, peak: float, width: int) -> None:
    """At every level."""
    assert cell_len(bar(rms, peak, width).plain) == width


def test_a_bar_grows_with_the_level() -> None:
    """Nothing for silence, all of it at full scale."""
    filled = [bar(db, -100, 60).plain.count("━") for db in (-100, -60, -45, -30, -15, 0)]
    assert filled == [0, 0, 15, 30, 45, 60]
    assert format_decibels(-31.4) == "  -31 dB"
    assert format_decibels(-100) == " silence"


@pytest.mark.parametrize(("width", "height"), [(100, 30), (80, 24), (40, 12), (20, 6), (10, 2)])
def test_the_picture_fits(width: int, height: int) -> None:
    """Into every window: no line is too wide, none too many, and the last says where captions are."""
    sources = tuple(SourceRow(f"source-{i}", State.SPEECH, "", -30.0, -12.0) for i in range(8))
    said = tuple(Final("source-0", f"{i}", 0, 0, 1, "字幕 and a long sentence " * 9, (), "en") for i in range(9))
    glance = DashboardState("http://127.0.0.1:8765/", "base", sources, said, ("The disk is full.",), 3, 0.2, 60)
    lines = dashboard_lines(glance, Palette(), console(width, height))
    assert len(lines) < height or height == 2
    assert all(line.cell_len < width for line in lines)
    assert lines[-1].plain.startswith("http"[: width - 2])


def test_the_picture_does_not_jump() -> None:
    """It is as high before anything is said as when much is."""
    source = (SourceRow("a", State.LISTENING, "", -50.0, -40.0),)
    events = tuple(Partial("a", "1", i, 0, 1, "so it goes " * i, 0, "en") for i in range(1, 9))
    heights = {
        len(dashboard_lines(DashboardState("http://x/", "base", source, events[:n]), Palette(), console(60, 24)))
        for n in (0, 1, 3, 8)
    }
    assert heights == {CAPTION_LINES + 4}


def test_what_is_lost_says_why() -> None:
    """In place of a level that would be a lie."""
    lost = SourceRow("a", State.LOST, "The device is gone.", -20.0, -10.0)
    lines = dashboard_lines(DashboardState("http://x/", "base", (lost,), ()), Palette(), console(80, 24))
    assert any("lost" in line.plain and "The device is gone." in line.plain for line in lines)
    assert not any("dB" in line.plain for line in lines)


def test_drawn_again_in_its_place() -> None:
    """Older lines are gone, what is above stays, and at the end the cursor is below all of it."""
    written = console()
    area = LiveRegion(written)
    area.draw([Text("one"), Text("two"), Text("three")])
    area.draw([Text("four")], above=[Text("log")])
    assert screen(written)[:4] == ["log", "four", "", ""]
    area.close([Text("kept")])
    assert screen(written)[:3] == ["log", "kept", ""]
    assert written.file.getvalue().endswith("\x1b[?25h")  # type: ignore[attr-defined]


def test_no_more_than_the_window_takes() -> None:
    """Else it would scroll, and its first lines could never be erased."""
    written = console(height=5)
    area = LiveRegion(written)
    for n in (9, 3):
        area.draw([Text(f"{n}-{i}") for i in range(n)])
    assert screen(written) == ["3-0", "3-1", "3-2", "", ""]


def test_captions_of_several_sources() -> None:
    """Each has its line while it is open; a final goes above, once, and an empty one takes the open line back."""
    written = console()
    view = CaptionView(written, written)
    for message in (
        hello("a", "b"),
        open_line("it", "b"),
        open_line("so", "a"),
        final("It is.", "b"),
        final("It is.", "b"),
    ):
        view.show(message)
    assert screen(written)[:3] == ["B: It is.", "A: so", ""]
    view.show(final("", "a", 2))
    assert screen(written)[:2] == ["B: It is.", ""]


def test_captions_of_one_source_only() -> None:
    """By name or label, in any case; others are as if they were not there."""
    written = console()
    view = CaptionView(written, written, ["B"])
    for message in (hello("a", "b"), final("No.", "a"), open_line("no", "a"), final("Yes.", "b")):
        view.show(message)
    assert screen(written)[:2] == ["Yes.", ""]


def test_piped_captions() -> None:
    """Finals only, a line each however long; what happens is told elsewhere."""
    piped, notes = (Console(file=io.StringIO(), width=20) for _ in range(2))
    view = CaptionView(piped, notes)
    status = {"type": "status", "source": "a", "state": "lost", "detail": "The device is gone."}
    for message in (hello("a"), open_line("so"), status, final("A sentence that is longer than twenty columns.")):
        view.show(message)
    assert piped.file.getvalue() == "A sentence that is longer than twenty columns.\n"  # type: ignore[attr-defined]
    assert notes.file.getvalue() == "(A: lost. The device is gone)\n"  # type: ignore[attr-defined]
