"""Lines for a terminal, and the screen that they make (drawn by pyte)."""

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
from streamstt.terminal.text import Palette, fit, format_partial, last_lines
from streamstt.text.characters import replace_controls


def console(width: int = 40, height: int = 10) -> Console:
    """A console that keeps what is output."""
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system="truecolor")


def screen(output: Console) -> list[str]:
    """Returns the lines of the screen."""
    terminal = pyte.Screen(output.width, output.height)
    text = output.file.getvalue()  # type: ignore[attr-defined]
    pyte.Stream(terminal).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in terminal.display]


def final(text: str, source: str = "a", number: int = 1) -> dict:
    return {"type": "final", "source": source, "id": f"{source}{number}", "seq": number, "text": text}


def partial(text: str, source: str = "a", stable: int = 0) -> dict:
    return {"type": "partial", "source": source, "text": text, "stable": stable}


def hello(*sources: str) -> dict:
    return {"type": "hello", "sources": [{"name": s, "label": s.upper()} for s in sources], "history": []}


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\x07", "\x9b2J", "\u202eabc"])
def test_control_characters_are_replaced(text: str) -> None:
    """Control characters and changes of the writing direction are replaced; the length stays the same."""
    assert not set(replace_controls(text)) & set("\x1b\r\x07\x9b\u202e")
    assert len(replace_controls(text)) == len(text)


def test_letters_of_all_scripts_stay() -> None:
    """Joiners in Persian and emoji are not replaced."""
    for text in ("\u0646\u200c\u0647", "👩\u200d👩", "日本語", "naïve"):
        assert replace_controls(text) == text


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize(
    "text", ["one two three four five six seven eight nine ten " * 2 + "end", "日本語の字幕はここに出ます。" * 4]
)
def test_the_end_of_a_long_caption(text: str, rows: int) -> None:
    """A long caption is cut at the front, with an ellipsis; no line is wider than the terminal, in any script."""
    lines = last_lines(Text(text), 21, rows, console())
    assert len(lines) <= rows
    assert all(cell_len(line.plain) <= 21 for line in lines)
    assert lines[0].plain.startswith("…")
    assert text.endswith(lines[-1].plain.removeprefix("…"))


def test_lines_stay_while_a_caption_grows() -> None:
    """Another word changes only the last line: nothing jumps."""
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    before = [line.plain for line in last_lines(Text(" ".join(words[:9])), 20, 3, console())]
    after = [line.plain for line in last_lines(Text(" ".join(words[:10])), 20, 3, console())]
    assert before[:-1] == after[: len(before) - 1]


def test_unstable_text_is_dim() -> None:
    """A partial is dim from the first character that may change."""
    assert [(span.start, span.style) for span in format_partial("it is so", 5).spans] == [(5, "dim")]


@pytest.mark.parametrize(("text", "width"), [("abc", 5), ("abcdef", 5), ("日本語字幕", 5), ("", 3), ("abc", 0)])
def test_fit(text: str, width: int) -> None:
    """A text is truncated or padded to the width."""
    assert cell_len(fit(text, width)) == width


def test_a_source_keeps_its_color() -> None:
    """The color of a source does not depend on sources that are added later."""
    palette = Palette()
    palette.add("them")
    before = palette.color("them")
    palette.add("a")
    assert palette.color("them") == before != palette.color("a")


@pytest.mark.parametrize("width", [0, 1, 10, 60])
@pytest.mark.parametrize(("rms", "peak"), [(-100, -100), (-30, -12), (0, 0), (-59, 3)])
def test_the_width_of_a_bar(rms: float, peak: float, width: int) -> None:
    """A bar has the same width at every level."""
    assert cell_len(bar(rms, peak, width).plain) == width


def test_a_bar_grows_with_the_level() -> None:
    """The filled part is empty for silence and complete at full scale."""
    filled = [bar(db, -100, 60).plain.count("━") for db in (-100, -60, -45, -30, -15, 0)]
    assert filled == [0, 0, 15, 30, 45, 60]
    assert format_decibels(-31.4) == "  -31 dB"
    assert format_decibels(-100) == " silence"


@pytest.mark.parametrize(("width", "height"), [(100, 30), (80, 24), (40, 12), (20, 6), (10, 2)])
def test_the_dashboard_fits(width: int, height: int) -> None:
    """The dashboard fits into every terminal; its last line has the address of the captions."""
    sources = tuple(SourceRow(f"source-{i}", State.SPEECH, "", -30.0, -12.0) for i in range(8))
    captions = tuple(Final("source-0", f"{i}", 0, 0, 1, "字幕 and a long sentence " * 9, (), "en") for i in range(9))
    state = DashboardState("http://127.0.0.1:8765/", "base", sources, captions, ("The disk is full.",), 3, 0.2, 60)
    lines = dashboard_lines(state, Palette(), console(width, height))
    assert len(lines) < height or height == 2
    assert all(line.cell_len < width for line in lines)
    assert lines[-1].plain.startswith("http"[: width - 2])


def test_the_dashboard_does_not_jump() -> None:
    """Its height does not depend on the number of captions."""
    source = (SourceRow("a", State.LISTENING, "", -50.0, -40.0),)
    events = tuple(Partial("a", "1", i, 0, 1, "so it goes " * i, 0, "en") for i in range(1, 9))
    heights = {
        len(dashboard_lines(DashboardState("http://x/", "base", source, events[:n]), Palette(), console(60, 24)))
        for n in (0, 1, 3, 8)
    }
    assert heights == {CAPTION_LINES + 4}


def test_a_lost_source() -> None:
    """A lost source shows the reason instead of a level that is out of date."""
    lost = SourceRow("a", State.LOST, "The device is gone.", -20.0, -10.0)
    lines = dashboard_lines(DashboardState("http://x/", "base", (lost,), ()), Palette(), console(80, 24))
    assert any("lost" in line.plain and "The device is gone." in line.plain for line in lines)
    assert not any("dB" in line.plain for line in lines)


def test_redrawing_in_place() -> None:
    """Redrawing replaces the older lines; text above stays; at the end the cursor is shown again."""
    output = console()
    region = LiveRegion(output)
    region.draw([Text("one"), Text("two"), Text("three")])
    region.draw([Text("four")], above=[Text("log")])
    assert screen(output)[:4] == ["log", "four", "", ""]
    region.close([Text("kept")])
    assert screen(output)[:3] == ["log", "kept", ""]
    assert output.file.getvalue().endswith("\x1b[?25h")  # type: ignore[attr-defined]


def test_a_drawing_larger_than_the_terminal() -> None:
    """A drawing is cut to the height of the terminal: lines that scroll away could not be erased."""
    output = console(height=5)
    region = LiveRegion(output)
    for n in (9, 3):
        region.draw([Text(f"{n}-{i}") for i in range(n)])
    assert screen(output) == ["3-0", "3-1", "3-2", "", ""]


def test_captions_of_several_sources() -> None:
    """Each source has a line for its partial; a final is printed above, once, and an empty one removes the partial."""
    output = console()
    view = CaptionView(output, output)
    for message in (
        hello("a", "b"),
        partial("it", "b"),
        partial("so", "a"),
        final("It is.", "b"),
        final("It is.", "b"),
    ):
        view.show(message)
    assert screen(output)[:3] == ["B: It is.", "A: so", ""]
    view.show(final("", "a", 2))
    assert screen(output)[:2] == ["B: It is.", ""]


def test_labels_of_guests() -> None:
    """A guest who has left, or came after the connection was made, is shown by the label that the messages have."""
    output = console()
    view = CaptionView(output, output)
    left = {**final("Bye.", "guest"), "label": "Ana"}
    renamed = {**final("I was here.", "a"), "label": "Old name"}
    came = {"type": "status", "source": "new", "state": "listening", "detail": "", "label": "Ben"}
    for message in ({**hello("a"), "history": [left, renamed]}, came, partial("hi", "new"), final("Hi.", "new")):
        view.show(message)
    assert screen(output)[:3] == ["Ana: Bye.", "A: I was here.", "Ben: Hi."]


def test_captions_of_one_source_only() -> None:
    """A source is selected by name or label, in any case; others are not shown."""
    output = console()
    view = CaptionView(output, output, ["B"])
    for message in (hello("a", "b"), final("No.", "a"), partial("no", "a"), final("Yes.", "b")):
        view.show(message)
    assert screen(output)[:2] == ["Yes.", ""]


def test_piped_captions() -> None:
    """Piped output has finals only, one line each of any length; notes go elsewhere."""
    piped, notes = (Console(file=io.StringIO(), width=20) for _ in range(2))
    view = CaptionView(piped, notes)
    status = {"type": "status", "source": "a", "state": "lost", "detail": "The device is gone."}
    said = final("A sentence that is longer than twenty columns.")
    for message in (hello("a"), partial("so"), status, said, partial("and")):
        view.show(message)
    view.close()
    assert piped.file.getvalue() == "A sentence that is longer than twenty columns.\n"  # type: ignore[attr-defined]
    assert notes.file.getvalue() == "(A: lost. The device is gone)\n"  # type: ignore[attr-defined]


def revised(text: str, number: int = 1, *, hidden: bool = False, seq: int = 9) -> dict:
    """The message of a revision of a final of the source ``a``."""
    return {**final(text, "a", number), "type": "revised", "seq": seq, "final_seq": number, "hidden": hidden}


@pytest.mark.parametrize(("seconds", "shown"), [(2.5, "2.5 s"), (600, "10 minutes"), (28_800, "8 hours")])
def test_lost_sound(seconds: float, shown: str) -> None:
    """It is a note, in words for a night as for a moment."""
    notes = Console(file=io.StringIO(), width=80)
    CaptionView(notes, notes).show({"type": "gap", "source": "a", "start": 1.0, "end": 1.0 + seconds})
    assert notes.file.getvalue() == f"(a: {shown} of sound was lost)\n"  # type: ignore[attr-defined]


def test_corrections_are_notes() -> None:
    """What is printed cannot be taken back: a correction follows as a note, once, if the caption was printed; a star
    is none, nor what a second look has found. One that was missed comes after a reconnect."""
    piped, notes = (Console(file=io.StringIO(), width=80) for _ in range(2))
    view = CaptionView(piped, notes)
    back = {**hello("a"), "revisions": [revised("Good night."), revised("Good evening.")]}
    for message in (
        hello("a"),
        final("Good mourning."),
        revised("Good morning."),
        revised("Good morning."),
        revised("Never printed.", 2),
        {**revised("Good warning."), "second_look": True},
        back,
        revised("Good evening.", hidden=True),
        revised("Good evening."),
    ):
        view.show(message)
    assert piped.file.getvalue() == "Good mourning.\n"  # type: ignore[attr-defined]
    assert notes.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        '(A, corrected: "Good morning.")',
        '(A, corrected: "Good night.")',
        '(A, corrected: "Good evening.")',
        '(A, hidden: "Good evening.")',
        '(A, corrected: "Good evening.")',
    ]
