"""How things look in a terminal: progress bars, and captions as they come. Decides nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from streamstt.whisper.checkpoint import Progress as Report

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
