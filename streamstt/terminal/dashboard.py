"""What ``streamstt run`` shows of itself in a terminal, as lines of text. Pure."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from streamstt.events import Final, Partial, State
from streamstt.terminal.level_bar import bar, decibels
from streamstt.terminal.text import Palette, fitted, harmless, partial, tail

CAPTIONS = 6  # lines; always so many, so that nothing jumps
SOURCES = 6  # that are shown; of more, it is said how many
LATE_S = 2.0
NARROW, LABEL, STATE = 50, 16, 9  # columns: without a bar; of a label; of a state
STATES = {
    State.LISTENING: "green",
    State.SPEECH: "bold green",
    State.WAITING: "yellow",
    State.LOST: "bold red",
    State.PAUSED: "yellow",
}


@dataclass(frozen=True, slots=True)
class Heard:
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
class Glance:
    """A daemon as it is now.

    Attributes:
        address: Of the captions page, without a token.
        model: Its name.
        sources: All.
        captions: The last ones, oldest first; open ones at the end.
        notices: What is wrong.
        viewers: How many follow.
        lag_s: Audio that waits for the engine.
        up_s: It has been running so long.
        ending: It is finishing the last captions.
    """

    address: str
    model: str
    sources: tuple[Heard, ...]
    captions: tuple[Final | Partial, ...]
    notices: tuple[str, ...] = ()
    viewers: int = 0
    lag_s: float = 0.0
    up_s: float = 0.0
    ending: bool = False


def draw(glance: Glance, palette: Palette, console: Console) -> list[Text]:
    """The lines, as many as the terminal has room for; what is least needed goes first."""
    width, height = console.width - 1, max(1, console.height - 2)
    below = [_source(source, palette, width) for source in glance.sources[:SOURCES]]
    for line in below:
        line.truncate(width)
    if len(glance.sources) > SOURCES:
        below.append(Text(fitted(f"  and {len(glance.sources) - SOURCES} more sources", width), "dim"))
    below += [Text(fitted(f"! {harmless(text)}", width).rstrip(), "yellow") for text in glance.notices[:SOURCES]]
    below.append(_status(glance, width))
    room = min(CAPTIONS, height - len(below) - 2)
    if room < 1:
        return below[-height:]
    rule = Text("─" * width, "dim")
    return [rule, *captions(glance.captions, palette, console, room), rule, *below]


def captions(events: tuple[Final | Partial, ...], palette: Palette, console: Console, rows: int) -> list[Text]:
    """The end of what was said, in exactly so many lines."""
    lines: list[Text] = []
    for event in events:
        lines += tail(caption(event, palette), console.width - 1, rows, console)
    lines = lines or [Text("Captions come here.", "dim italic")]
    return [*lines[-rows:], *[Text()] * (rows - len(lines))]


def caption(event: Final | Partial, palette: Palette) -> Text:
    """One caption with its source, if there are several."""
    said = partial(event.text, event.stable) if isinstance(event, Partial) else Text(harmless(event.text))
    return palette.prefix(event.source) + said


def _source(source: Heard, palette: Palette, width: int) -> Text:
    state = source.state.value if source.state else "starting"
    style = STATES[source.state] if source.state else "dim"
    label = Text(fitted(palette.label(source.name), min(LABEL, max(4, width // 4))), palette.colour(source.name))
    line = Text.assemble(("● ", style), (fitted(state, STATE), style), " ", label, " ")
    if source.detail and source.state in {State.LOST, State.WAITING}:
        return line + Text(fitted(harmless(source.detail), max(0, width - line.cell_len)).rstrip())
    if source.rms is None:
        return line + Text("no audio", "dim")
    level = Text(decibels(source.rms), "dim")
    room = width - line.cell_len - level.cell_len
    return line + (bar(source.rms, source.peak, min(room, 60)) if width >= NARROW else Text()) + level


def _status(glance: Glance, width: int) -> Text:
    """In one line; what does not fit is left out from the end."""
    hours, rest = divmod(int(glance.up_s), 3600)
    parts = [
        (glance.address, "bold"),
        ("1 viewer" if glance.viewers == 1 else f"{glance.viewers} viewers", ""),
        (f"lag {glance.lag_s:.1f} s", "yellow" if glance.lag_s > LATE_S else ""),
        (f"up {hours}:{rest // 60:02}:{rest % 60:02}", "dim"),
        (glance.model, "dim"),
        ("finishing; Ctrl-C again leaves at once" if glance.ending else "Ctrl-C ends", "dim"),
    ]
    line = Text()
    for text, style in parts:
        more = Text.assemble(" · " if line else "", (harmless(text), style))
        if line.cell_len + more.cell_len > width:
            break
        line += more
    return line or Text(fitted(glance.address, width))
