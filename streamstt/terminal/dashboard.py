"""Renders the state of a daemon as lines of text, for ``streamstt run``. Pure."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from streamstt.events import Final, Partial, State
from streamstt.terminal.level_bar import bar, format_decibels
from streamstt.terminal.text import Palette, fit, format_partial, last_lines
from streamstt.text.characters import replace_controls

CAPTION_LINES = 6  # fixed, so that nothing jumps
MAX_SOURCES = 6  # shown; of the others the number
LAG_WARNING_S = 2.0
MIN_BAR_WIDTH = 50  # columns; a narrower terminal gets no level bar
LABEL_COLUMNS, STATE_COLUMNS = 16, 9
STATE_STYLES = {
    State.LISTENING: "green",
    State.SPEECH: "bold green",
    State.WAITING: "yellow",
    State.LOST: "bold red",
    State.PAUSED: "yellow",
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """State of a source.

    Attributes:
        name: Name of the source.
        state: Its state; None: not known yet.
        detail: A sentence about the state.
        rms: RMS level (dBFS); None: no audio arrives.
        peak: Peak level (dBFS).
    """

    name: str
    state: State | None
    detail: str = ""
    rms: float | None = None
    peak: float = -100.0


@dataclass(frozen=True, slots=True)
class DashboardState:
    """State of a daemon.

    Attributes:
        address: Address of the captions page, without a token.
        model: Name of the model.
        sources: All sources.
        captions: The last captions, oldest first, partials at the end.
        notices: Problems that the daemon has noticed.
        viewers: Number of viewers.
        lag_s: Audio that waits for the engine (s).
        uptime_s: Time since the start (s).
        stopping: Whether the daemon is finishing the last captions.
    """

    address: str
    model: str
    sources: tuple[SourceRow, ...]
    captions: tuple[Final | Partial, ...]
    notices: tuple[str, ...] = ()
    viewers: int = 0
    lag_s: float = 0.0
    uptime_s: float = 0.0
    stopping: bool = False


def dashboard_lines(dashboard: DashboardState, palette: Palette, console: Console) -> list[Text]:
    """Renders the dashboard in at most as many lines as the terminal has; the least important are left out first."""
    width, height = console.width - 1, max(1, console.height - 2)
    below = [_source_line(source, palette, width) for source in dashboard.sources[:MAX_SOURCES]]
    for line in below:
        line.truncate(width)
    if len(dashboard.sources) > MAX_SOURCES:
        below.append(Text(fit(f"  and {len(dashboard.sources) - MAX_SOURCES} more sources", width), "dim"))
    below += [
        Text(fit(f"! {replace_controls(text)}", width).rstrip(), "yellow") for text in dashboard.notices[:MAX_SOURCES]
    ]
    below.append(_status_line(dashboard, width))
    room = min(CAPTION_LINES, height - len(below) - 2)
    if room < 1:
        return below[-height:]
    rule = Text("─" * width, "dim")
    return [rule, *caption_lines(dashboard.captions, palette, console, room), rule, *below]


def caption_lines(events: tuple[Final | Partial, ...], palette: Palette, console: Console, rows: int) -> list[Text]:
    """Renders the end of the captions in exactly ``rows`` lines."""
    lines: list[Text] = []
    for event in events:
        lines += last_lines(format_caption(event, palette), console.width - 1, rows, console)
    lines = lines or [Text("Captions will appear here.", "dim italic")]
    return [*lines[-rows:], *[Text()] * (rows - len(lines))]


def format_caption(event: Final | Partial, palette: Palette) -> Text:
    """Formats a caption, with its source if there are several."""
    text = (
        format_partial(event.text, event.stable) if isinstance(event, Partial) else Text(replace_controls(event.text))
    )
    return palette.prefix(event.source) + text


def _source_line(source: SourceRow, palette: Palette, width: int) -> Text:
    state = source.state.value if source.state else "starting"
    style = STATE_STYLES[source.state] if source.state else "dim"
    label = Text(fit(palette.label(source.name), min(LABEL_COLUMNS, max(4, width // 4))), palette.color(source.name))
    line = Text.assemble(("● ", style), (fit(state, STATE_COLUMNS), style), " ", label, " ")
    if source.detail and source.state in {State.LOST, State.WAITING}:
        return line + Text(fit(replace_controls(source.detail), max(0, width - line.cell_len)).rstrip())
    if source.rms is None:
        return line + Text("no audio", "dim")
    level = Text(format_decibels(source.rms), "dim")
    room = width - line.cell_len - level.cell_len
    return line + (bar(source.rms, source.peak, min(room, 60)) if width >= MIN_BAR_WIDTH else Text()) + level


def _status_line(dashboard: DashboardState, width: int) -> Text:
    """Renders the status line; what does not fit is left out from the end."""
    hours, rest = divmod(int(dashboard.uptime_s), 3600)
    parts = [
        (dashboard.address, "bold"),
        ("1 viewer" if dashboard.viewers == 1 else f"{dashboard.viewers} viewers", ""),
        (f"lag {dashboard.lag_s:.1f} s", "yellow" if dashboard.lag_s > LAG_WARNING_S else ""),
        (f"up {hours}:{rest // 60:02}:{rest % 60:02}", "dim"),
        (dashboard.model, "dim"),
        ("finishing; Ctrl-C again exits at once" if dashboard.stopping else "Ctrl-C ends", "dim"),
    ]
    line = Text()
    for text, style in parts:
        more = Text.assemble(" · " if line else "", (replace_controls(text), style))
        if line.cell_len + more.cell_len > width:
            break
        line += more
    return line or Text(fit(dashboard.address, width))
