"""Captions in a terminal as they come: finals scroll, open ones are rewritten below them. Piped: finals only."""

from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.text import Text

from streamstt.terminal.live_region import Area
from streamstt.terminal.text import REST, Palette, harmless, partial, tail

SAID = 500  # finals whose repetition after a lost connection would be noticed; older ones do not come again
NOTED = "dim italic"


class CaptionView:
    """What ``streamstt listen`` shows."""

    def __init__(self, console: Console, notes: Console, only: Collection[str] = ()) -> None:
        """Shows nothing yet.

        Args:
            console: Where captions go. Open ones are shown if it is a terminal that can move its cursor.
            notes: Where it is said what happens, when captions are piped.
            only: Names or labels of the sources that are wanted; empty: all.
        """
        self._console = console
        self._lively = console.is_terminal and not console.is_dumb_terminal
        self._notes = console if console.is_terminal else notes
        self._area = Area(console)
        self._only = {name.casefold() for name in only}
        self._palette = Palette()
        self._open: dict[str, Text] = {}  # each source's open caption
        self._said: dict[str, None] = {}

    def show(self, message: dict[str, Any]) -> None:
        """Shows one message of protocol v1."""
        match message["type"]:
            case "hello":
                self._greet(message)
            case "final" if self._wants(message["source"]):
                self._final(message)
            case "partial" if self._wants(message["source"]):
                self._open[message["source"]] = partial(message["text"], message["stable"])
                self._draw()
            case "status" if self._wants(message["source"]) and message["state"] in {"lost", "waiting"}:
                self.note(f"{self._palette.label(message['source'])}: {message['state']}. {message['detail']}")
            case "gap" if self._wants(message["source"]):
                seconds = message["end"] - message["start"]
                self.note(f"{self._palette.label(message['source'])}: {seconds:.1f} s of audio were lost")

    def note(self, text: str) -> None:
        """Says in a line what happens."""
        line = Text(f"({harmless(text).rstrip('.')})", NOTED)
        if self._notes is not self._console:
            self._notes.print(line, highlight=False, soft_wrap=True)
        else:
            self._above(line)

    def disconnected(self, text: str) -> None:
        """The connection is lost: what is open may never become final here."""
        self._open.clear()
        self.note(text)

    def close(self) -> None:
        """Leaves what was shown last where it is, and the terminal as it was."""
        self._area.close(self._palette.prefix(source) + self._open[source] for source in self._in_order())
        self._open.clear()

    def _greet(self, hello: dict[str, Any]) -> None:
        self._open.clear()
        for source in hello["sources"]:
            if self._matches(source["name"], source["label"]):
                self._palette.learn(source["name"], source["label"])
        if self._only and not any(self._matches(s["name"], s["label"]) for s in hello["sources"]):
            here = ", ".join(s["name"] for s in hello["sources"]) or "none"
            self.note(f"no source {' or '.join(sorted(self._only))} is here yet; those that are: {here}")
        if hello.get("gap_in_history"):
            self.note("some captions were missed")
        for final in hello["history"]:
            if self._wants(final["source"]):
                self._final(final)
        self._draw()

    def _matches(self, name: str, label: str) -> bool:
        return not self._only or bool(self._only & {name.casefold(), label.casefold()})

    def _wants(self, source: str) -> bool:
        return self._matches(source, self._palette.label(source))

    def _final(self, final: dict[str, Any]) -> None:
        self._open.pop(final["source"], None)
        key = f"{final['source']} {final['id']} {final['seq']}"
        if not final["text"] or key in self._said:
            self._draw()
            return
        self._said[key] = None
        if len(self._said) > SAID:
            del self._said[next(iter(self._said))]
        self._above(self._palette.prefix(final["source"]) + Text(harmless(final["text"])))

    def _above(self, line: Text) -> None:
        if self._lively:
            self._area.draw(self._lines(), above=[line])
        else:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._console.file.flush()

    def _draw(self) -> None:
        if self._lively:
            self._area.draw(self._lines())

    def _lines(self) -> list[Text]:
        """Of each open caption the end, and of as many captions as there is room for."""
        room = max(1, self._console.height - 1)
        each = max(1, min(REST, room // max(1, len(self._open))))
        width = self._console.width - 1  # some terminals wrap when the last column is written
        lines = [
            tail(self._palette.prefix(source) + self._open[source], width, each, self._console)
            for source in self._in_order()
        ]
        return [line for of_source in lines for line in of_source][-room:]

    def _in_order(self) -> list[str]:
        """The sources with an open caption; each keeps its place among the others."""
        return sorted(self._open, key=self._palette.place)
