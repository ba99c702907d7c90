"""The tables of ``streamstt bench``."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.diagnostics.verdicts import Finding
from streamstt.terminal.text import replace_controls

SIGNS = {"good": ("✓", "green"), "look": ("!", "yellow"), "bad": ("✗", "bold red")}


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """A line or two for each, and the sum of it at the end."""
    table = Table(Column(width=1), Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
    for finding in findings:
        sign, style = SIGNS[finding.verdict]
        says = Text(replace_controls_by_line(finding.says))
        if finding.remedy:
            says.append(f"\n→ {replace_controls_by_line(finding.remedy)}", "bold" if finding.verdict == "bad" else "")
        table.add_row(Text(sign, style), Text(finding.name), says)
    console.print(table)
    console.print(summary(findings), highlight=False)


def summary(findings: Sequence[Finding]) -> Text:
    """Whether captions can begin."""
    bad = sum(finding.verdict == "bad" for finding in findings)
    if bad:
        return Text(
            f"\nNot ready: {'one thing has' if bad == 1 else f'{bad} things have'} to be mended (✗).", "bold red"
        )
    look = any(finding.verdict == "look" for finding in findings)
    return Text(f"\nReady{', with something to look at (!)' if look else ''}: streamstt run", "bold green")


def replace_controls_by_line(text: str) -> str:
    """Several lines, each without what could steer the terminal."""
    return "\n".join(map(replace_controls, text.splitlines()))


FIGURE_LABELS = {
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
        f"An update takes {_format_ms(own['update_s'])} ms (95 %: {_format_ms(own['update_p95_s'])}), "
        f"8 s of speech at once {_format_ms(own['utterance_s'])} ms.",
        highlight=False,
    )
    for part, formats in own.get("formats_s", {}).items():
        each = ", ".join(f"{name} {1000 * seconds:.2g}" for name, seconds in formats.items())
        console.print(f"A layer of the {part}, in ms: {each}", highlight=False)
    columns = ("model", "update", "2 s", "4 s", "8 s", "16 tok", "1 tok", "cpu")
    table = Table(*(Column(name, no_wrap=True) for name in columns), "live captions", box=None, padding=(0, 1, 0, 0))
    table.add_row(
        "measured",
        _format_ms(own["update_s"]),
        *_stage_cells(own.get("parts")),
        f"{own['cpu_s_per_s']:.2f}",
        own["verdict"],
    )
    if "estimated" in own:
        table.add_row("its estimate", _format_ms(own["estimated"]["update_s"]), *_stage_cells(own["estimated"]))
    for size in result["sizes"]:
        cells = (
            size["model"],
            _format_ms(size["update_s"]),
            *_stage_cells(size),
            f"{size['cpu_s_per_s']:.2f}",
            size["verdict"],
        )
        table.add_row(*cells)
    console.print(table)
    console.print(
        "In ms: an update; the encoder on 2, 4 and 8 s, the decoder on 16 tokens and on one.\n"
        "cpu: processor seconds a second of speech (measured: of a recording with pauses).\n"
        "Sizes are estimated from layers.",
        highlight=False,
    )


def _stage_cells(timed: dict[str, Any] | None) -> tuple[str, ...]:
    """Encoder of each window, and the decoder's two passes; empty when they were not timed."""
    if timed is None:
        return ("",) * 5
    return (*map(_format_ms, timed["encoder_s"]), _format_ms(timed["read_s"]), f"{1000 * timed['say_s']:.1f}")


def _show_recording(console: Console, result: dict[str, Any]) -> None:
    console.print(f"{result['audio_s']:.0f} s of audio, {result['sources']} at once", highlight=False)
    table = Table("figure", "", box=None)
    for key, (name, unit) in FIGURE_LABELS.items():
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


def _format_ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"
