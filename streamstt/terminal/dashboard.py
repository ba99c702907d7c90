"""What ``streamstt run`` shows of itself in a terminal, as lines of text. Pure."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from streamstt.events import Final, Partial, State
from streamstt.terminal.level_bar import bar, format_decibels
from streamstt.terminal.text import Palette, fit, format_partial, last_lines, replace_controls

CAPTION_LINES = 6  # lines; always so many, so that nothing jumps
MAX_SOURCES = 6  # that are shown; of more, it is said how many
LAG_WARNING_S = 2.0
MIN_BAR_WIDTH, LABEL_COLUMNS, STATE_COLUMNS = 50, 16, 9  # columns: without a bar; of a label; of a state
STATE_STYLES = {
    State.LISTENING: "green",
    State.SPEECH: "bold green",
    State.WAITING: "yellow",
    State.LOST: "bold red",
    State.PAUSED: "yellow",
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as it is now.

    Attributes:
        name: Its name.
        state: Its state; None: it has none yet.
        detail: What there is to say of it.
        rms: dB below full scale; None: no audio comes.
        peak: The same of the loudest sample.
    """

    name: str
    state: State | None
    detail: str = ""
    rms: float | None = None
    peak: float = -100.0


@dataclass(frozen=True, slots=True)
class DashboardState:
    """A daemon as it is now.

    Attributes:
        address: Of the captions page, without a token.
        model: Its name.
        sources: All.
        captions: The last ones, oldest first; open ones at the end.
        notices: What is wrong.
        viewers: How many follow.
        lag_s: Audio that waits for the engine.
        uptime_s: It has been running so long.
        stopping: It is finishing the last captions.
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
    """The lines, as many as the terminal has room for; what is least needed goes first."""
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
    """The end of what was said, in exactly so many lines."""
    lines: list[Text] = []
    for event in events:
        lines += last_lines(format_caption(event, palette), console.width - 1, rows, console)
    lines = lines or [Text("Captions come here.", "dim italic")]
    return [*lines[-rows:], *[Text()] * (rows - len(lines))]


def format_caption(event: Final | Partial, palette: Palette) -> Text:
    """One caption with its source, if there are several."""
    said = (
        format_partial(event.text, event.stable) if isinstance(event, Partial) else Text(replace_controls(event.text))
    )
    return palette.prefix(event.source) + said


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
    """In one line; what does not fit is left out from the end."""
    hours, rest = divmod(int(dashboard.uptime_s), 3600)
    parts = [
        (dashboard.address, "bold"),
        ("1 viewer" if dashboard.viewers == 1 else f"{dashboard.viewers} viewers", ""),
        (f"lag {dashboard.lag_s:.1f} s", "yellow" if dashboard.lag_s > LAG_WARNING_S else ""),
        (f"up {hours}:{rest // 60:02}:{rest % 60:02}", "dim"),
        (dashboard.model, "dim"),
        ("finishing; Ctrl-C again leaves at once" if dashboard.stopping else "Ctrl-C ends", "dim"),
    ]
    line = Text()
    for text, style in parts:
        more = Text.assemble(" · " if line else "", (replace_controls(text), style))
        if line.cell_len + more.cell_len > width:
            break
        line += more
    return line or Text(fit(dashboard.address, width))
