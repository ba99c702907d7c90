"""How things look in a terminal: progress bars, and captions as they come. Decides nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table
from rich.text import Text

from streamstt.whisper.wheels import Progress as Report

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
ERASE_LINE = "\r\x1b[2K"


@contextmanager
def download_bars(console: Console) -> Iterator[Report]:
    """Draws a bar for each thing that is fetched; draws nothing until something is."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bars = Progress(*columns, TimeRemainingColumn(), console=console)
    tasks: dict[str, Any] = {}

    def report(what: str, done: int, total: int | None) -> None:
        if not tasks:
            bars.start()
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()


@contextmanager
def transcribe_bar(console: Console, name: str) -> Iterator[Any]:
    """Draws how far a recording is transcribed, in seconds of audio."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} s"))
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task(name, total=0)
        yield lambda done, total: bars.update(task, completed=done, total=total)


FIGURES = {
    "wer": ("word error rate", "%"),
    "shown_p50_s": ("word shown, median", "s"),
    "shown_p95_s": ("word shown, 95 %", "s"),
    "settled_p50_s": ("word final or stable, median", "s"),
    "settled_p95_s": ("word final or stable, 95 %", "s"),
    "final_p50_s": ("word in a final, median", "s"),
    "final_p95_s": ("word in a final, 95 %", "s"),
    "erasure": ("words withdrawn, a word", ""),
    "word_end_error_ms": ("error of word ends, mean", "ms"),
    "cpu_s_per_s": ("processor seconds a second", ""),
    "update_p50_s": ("update, median", "s"),
    "update_p95_s": ("update, 95 %", "s"),
    "overdue_p95_s": ("update overdue, 95 %", "s"),
    "overdue_max_s": ("update overdue, at most", "s"),
}


def show_benchmark(console: Console, result: dict[str, Any]) -> None:
    """Draws the result of ``streamstt bench`` as tables."""
    console.print(f"{result['model']} in {result['precision']}", highlight=False)
    if "sizes" in result:
        _show_machine(console, result)
    else:
        _show_recording(console, result)


def _show_machine(console: Console, result: dict[str, Any]) -> None:
    own = result["measured"]
    console.print(
        f"An update takes {_ms(own['update_s'])} ms (95 %: {_ms(own['update_p95_s'])}), "
        f"8 s of speech at once {_ms(own['utterance_s'])} ms.",
        highlight=False,
    )
    for part, formats in own.get("formats_s", {}).items():
        each = ", ".join(f"{name} {1000 * seconds:.2g}" for name, seconds in formats.items())
        console.print(f"A layer of the {part}, in ms: {each}", highlight=False)
    columns = ("model", "update", "2 s", "4 s", "8 s", "16 tok", "1 tok", "cpu")
    table = Table(*(Column(name, no_wrap=True) for name in columns), "live captions", box=None, padding=(0, 1, 0, 0))
    table.add_row(
        "measured", _ms(own["update_s"]), *_parts(own.get("parts")), f"{own['cpu_s_per_s']:.2f}", own["verdict"]
    )
    if "estimated" in own:
        table.add_row("its estimate", _ms(own["estimated"]["update_s"]), *_parts(own["estimated"]))
    for size in result["sizes"]:
        cells = (size["model"], _ms(size["update_s"]), *_parts(size), f"{size['cpu_s_per_s']:.2f}", size["verdict"])
        table.add_row(*cells)
    console.print(table)
    console.print(
        "In ms: an update; the encoder on 2, 4 and 8 s, the decoder on 16 tokens and on one.\n"
        "cpu: processor seconds a second of speech (measured: of a recording with pauses).\n"
        "Sizes are estimated from layers.",
        highlight=False,
    )


def _parts(timed: dict[str, Any] | None) -> tuple[str, ...]:
    """Encoder of each window, and the decoder's two passes; empty when they were not timed."""
    if timed is None:
        return ("",) * 5
    return (*map(_ms, timed["encoder_s"]), _ms(timed["read_s"]), f"{1000 * timed['say_s']:.1f}")


def _show_recording(console: Console, result: dict[str, Any]) -> None:
    console.print(f"{result['audio_s']:.0f} s of audio, {result['sources']} at once", highlight=False)
    table = Table("figure", "", box=None)
    for key, (name, unit) in FIGURES.items():
        value = result["figures"][key]
        if isinstance(value, dict):
            table.add_row(name, f"{value['mean']:.3g} ({value['min']:.3g} to {value['max']:.3g}) {unit}")
        elif value is not None:
            table.add_row(name, f"{value:.3g} {unit}")
    quarters = result["figures"]["final_p50_s_by_quarter"]
    if quarters and None not in quarters:
        table.add_row("word in a final, by quarter", " ".join(f"{q:.2g}" for q in quarters) + " s")
    table.add_row("words unlike those of the file", f"{result['differs_from_file']:.3g} %")
    table.add_row("memory at most", f"{result['peak_mb']:.0f} MB")
    console.print(table)
    since = "it ended in --words" if result["delays_from"] == "words" else "the captions themselves say that it ended"
    console.print(f"A word is shown or final so long after {since}.", highlight=False)
    files = Table("as a file", "processor seconds a second", "word error rate (%)")
    for done in result["offline"]:
        files.add_row(
            done["program"], f"{done['cpu_s_per_s']:.3f}", "" if done["wer"] is None else f"{done['wer']:.2f}"
        )
    console.print(files)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


class CaptionView:
    """Captions in a terminal: finals scroll, the newest partial is rewritten in place. Piped: finals only."""

    def __init__(self, console: Console) -> None:
        """Shows nothing yet.

        Args:
            console: Where to write; partials are shown if it is a terminal.
        """
        self._console = console
        self._labels: dict[str, str] = {}
        self._shown: set[str] = set()
        self._partial = False

    def show(self, message: dict[str, Any]) -> None:
        """Shows one message of protocol v1."""
        match message["type"]:
            case "hello":
                self._labels |= {s["name"]: s["label"] for s in message["sources"]}
                if message.get("gap_in_history"):
                    self._line(Text("(some captions were missed)", "dim"))
                for final in message["history"]:
                    self._final(final)
            case "final":
                self._final(message)
            case "partial":
                self._show_partial(message)
            case "status" if message["state"] in {"lost", "waiting"}:
                self._line(Text(f"({self._label(message['source'])}: {message['state']}. {message['detail']})", "dim"))
            case "gap":
                seconds = message["end"] - message["start"]
                self._line(Text(f"({self._label(message['source'])}: {seconds:.1f} s of audio were lost)", "dim"))

    def _final(self, final: dict[str, Any]) -> None:
        key = f"{final['source']} {final['id']} {final['seq']}"
        if final["text"] and key not in self._shown:
            self._line(self._prefix(final["source"]) + Text(final["text"]))

    def _show_partial(self, partial: dict[str, Any]) -> None:
        if not self._console.is_terminal:
            return
        stable = "".join(list(partial["text"])[: partial["stable"]])
        text = Text(stable) + Text(partial["text"][len(stable) :], "dim")
        width = self._console.width - 1
        if len(text) > width:
            text = Text("…", "dim") + text[len(text) - width + 1 :]
        self._console.file.write(ERASE_LINE)
        self._console.print(text, end="", no_wrap=True, overflow="crop", soft_wrap=True, highlight=False)
        self._console.file.flush()
        self._partial = True

    def _line(self, text: Text) -> None:
        if self._partial:
            self._console.file.write(ERASE_LINE)
            self._partial = False
        self._console.print(text, highlight=False, soft_wrap=True)

    def _prefix(self, source: str) -> Text:
        """The source's label in its colour, when there is more than one source."""
        if len(self._labels | {source: source}) < 2:
            return Text()
        names = sorted(self._labels | {source: source})
        return Text(f"{self._label(source)}: ", COLOURS[names.index(source) % len(COLOURS)])

    def _label(self, source: str) -> str:
        return self._labels.get(source, source)
