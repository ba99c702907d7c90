"""Shows captions live: finals scroll, partials are redrawn below them. Piped: finals only."""

from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.text import Text

from streamstt.terminal.live_region import LiveRegion
from streamstt.terminal.text import MAX_OPEN_LINES, Palette, format_duration, format_partial, last_lines
from streamstt.text.characters import replace_controls

MAX_SEEN_FINALS = 500  # remembered, to show those that are repeated after a reconnect once only
NOTE_STYLE = "dim italic"


class CaptionView:
    """View of ``streamstt listen``: shows the messages of a daemon. Knows no connection."""

    def __init__(self, console: Console, notes: Console, selected: Collection[str] = ()) -> None:
        """Starts empty.

        Args:
            console: Console for captions. Partials are shown only if it is a terminal that can move its cursor.
            notes: Console for notes if captions are piped.
            selected: Names or labels of the sources to show; empty: all.
        """
        self._console = console
        self._interactive = console.is_terminal and not console.is_dumb_terminal
        self._notes = console if console.is_terminal else notes
        self._region = LiveRegion(console)
        self._selected = {name.casefold() for name in selected}
        self._palette = Palette()
        self._open_captions: dict[str, Text] = {}  # source to its partial caption
        self._seen: dict[str, str] = {}  # its text by final; empty: it is hidden

    def show(self, message: dict[str, Any]) -> None:
        """Shows a message of protocol v1."""
        self._learn_label(message)
        match message["type"]:
            case "hello":
                self._show_hello(message)
            case "final" if self._is_selected(message["source"]):
                self._show_final(message)
            case "revised" if self._is_selected(message["source"]):
                self._show_revision(message)
            case "partial" if self._is_selected(message["source"]):
                self._open_captions[message["source"]] = format_partial(message["text"], message["stable"])
                self._draw()
            case "status" if self._is_selected(message["source"]) and message["state"] in {"lost", "waiting"}:
                self.note(f"{self._palette.label(message['source'])}: {message['state']}. {message['detail']}")
            case "gap" if self._is_selected(message["source"]):
                duration = format_duration(message["end"] - message["start"])
                self.note(f"{self._palette.label(message['source'])}: {duration} of sound was lost")

    def note(self, text: str) -> None:
        """Shows a note, in brackets on one line."""
        line = Text(f"({replace_controls(text).rstrip('.')})", NOTE_STYLE)
        if self._notes is not self._console:
            self._notes.print(line, highlight=False, soft_wrap=True)
        else:
            self._print_above(line)

    def on_disconnect(self, text: str) -> None:
        """Removes the partials, which may never become final here, and shows a note."""
        self._open_captions.clear()
        self.note(text)

    def close(self) -> None:
        """Leaves the last partials on the screen and restores the terminal; does nothing if captions are piped."""
        if self._interactive:
            self._region.close(
                self._palette.prefix(source) + self._open_captions[source] for source in self._open_sources()
            )
        self._open_captions.clear()

    def _show_hello(self, hello: dict[str, Any]) -> None:
        self._open_captions.clear()
        for source in hello["sources"]:
            if self._matches(source["name"], source["label"]):
                self._palette.add(source["name"], source["label"])
        if self._selected and not any(self._matches(s["name"], s["label"]) for s in hello["sources"]):
            names = ", ".join(s["name"] for s in hello["sources"]) or "none"
            self.note(f"there is no source {' or '.join(sorted(self._selected))} yet; the sources are: {names}")
        if hello.get("gap_in_history"):
            self.note("some captions were missed")
        for final in hello["history"]:
            self._learn_label(final)
            if self._is_selected(final["source"]):
                self._show_final(final)
        for revised in hello.get("revisions", ()):
            if self._is_selected(revised["source"]):
                self._show_revision(revised)
        self._draw()

    def _learn_label(self, message: dict[str, Any]) -> None:
        """Adds the source of a message, which came after the last ``hello`` or has left before.

        Finals may be old, so they do not change the label of a source that is known.
        """
        if message.get("label") and self._matches(message["source"], message["label"]):
            add = self._palette.add if message["type"] == "status" else self._palette.add_new
            add(message["source"], message["label"])

    def _matches(self, name: str, label: str) -> bool:
        return not self._selected or bool(self._selected & {name.casefold(), label.casefold()})

    def _is_selected(self, source: str) -> bool:
        return self._matches(source, self._palette.label(source))

    def _show_final(self, final: dict[str, Any]) -> None:
        self._open_captions.pop(final["source"], None)
        key = f"{final['source']} {final['id']} {final['seq']}"
        if not final["text"] or key in self._seen:
            self._draw()
            return
        self._seen[key] = final["text"]
        if len(self._seen) > MAX_SEEN_FINALS:
            del self._seen[next(iter(self._seen))]
        self._print_above(self._palette.prefix(final["source"]) + Text(replace_controls(final["text"])))

    def _show_revision(self, revised: dict[str, Any]) -> None:
        """Shows what has changed, in a note: what is printed cannot be taken back."""
        key = f"{revised['source']} {revised['id']} {revised['final_seq']}"
        text = "" if revised["hidden"] else revised["text"]
        before = self._seen.get(key)
        if before is None or before == text:
            return  # it is not on the screen, or was only starred
        if revised.get("second_look") and before and text:
            return  # it was heard again, which would be a note for every other caption
        self._seen[key] = text
        label = self._palette.label(revised["source"])
        self.note(f'{label}, corrected: "{text}"' if text else f'{label}, hidden: "{before}"')

    def _print_above(self, line: Text) -> None:
        if self._interactive:
            self._region.draw(self._open_lines(), above=[line])
        else:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._console.file.flush()

    def _draw(self) -> None:
        if self._interactive:
            self._region.draw(self._open_lines())

    def _open_lines(self) -> list[Text]:
        """Returns the last lines of each partial, as far as they fit on the screen."""
        room = max(1, self._console.height - 1)
        lines_each = max(1, min(MAX_OPEN_LINES, room // max(1, len(self._open_captions))))
        width = self._console.width - 1  # some terminals wrap when the last column is written
        lines = [
            last_lines(self._palette.prefix(source) + self._open_captions[source], width, lines_each, self._console)
            for source in self._open_sources()
        ]
        return [line for of_source in lines for line in of_source][-room:]

    def _open_sources(self) -> list[str]:
        """Returns the sources with a partial, in a fixed order."""
        return sorted(self._open_captions, key=self._palette.index)
