"""Reports of ``streamstt check`` and ``streamstt bench``."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.diagnostics.verdicts import Finding, Verdict
from streamstt.text.characters import replace_controls

SIGNS: dict[Verdict, tuple[str, str]] = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Prints each finding on a line or two, and a summary at the end."""
    table = Table(Column(width=1), Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
    for finding in findings:
        sign, style = SIGNS[finding.verdict]
        text = Text(replace_controls_by_line(finding.message))
        if finding.fix:
            text.append(f"\n→ {replace_controls_by_line(finding.fix)}", "bold" if finding.verdict == "fail" else "")
        table.add_row(Text(sign, style), Text(finding.name), text)
    console.print(table)
    console.print(summary(findings), highlight=False)


def summary(findings: Sequence[Finding]) -> Text:
    """Returns a line that says whether captions can start."""
    failures = sum(finding.verdict == "fail" for finding in findings)
    if failures:
        count = "one problem" if failures == 1 else f"{failures} problems"
        return Text(f"\nNot ready: {count} must be fixed (✗).", "bold red")
    warnings = any(finding.verdict == "warn" for finding in findings)
    return Text(f"\nReady{', with warnings (!)' if warnings else ''}: streamstt run", "bold green")


def replace_controls_by_line(text: str) -> str:
    """Replaces the control characters of a text, except line breaks."""
    return "\n".join(map(replace_controls, text.splitlines()))


FIGURE_LABELS = {
    "wer": ("word error rate", "%"),
    "wer_second_look": ("word error rate after the second look", "%"),
    "shown_p50_s": ("word shown, median", "s"),
    "shown_p95_s": ("word shown, 95th percentile", "s"),
    "settled_p50_s": ("word stable or final, median", "s"),
    "settled_p95_s": ("word stable or final, 95th percentile", "s"),
    "final_p50_s": ("word in a final, median", "s"),
    "final_p95_s": ("word in a final, 95th percentile", "s"),
    "erasure": ("words withdrawn per word", ""),
    "word_start_error_ms": ("mean error of word starts", "ms"),
    "word_end_error_ms": ("mean error of word ends", "ms"),
    "cpu_s_per_s": ("CPU seconds per second of speech", ""),
    "second_look_cpu_s_per_s": ("the same for the second look", "s"),
    "second_look_p95_s": ("passage ended before its second look, 95th percentile", "s"),
    "update_p50_s": ("update, median", "s"),
    "update_p95_s": ("update, 95th percentile", "s"),
    "overdue_p95_s": ("update overdue, 95th percentile", "s"),
    "overdue_max_s": ("update overdue, maximum", "s"),
}


def show_benchmark(console: Console, result: dict[str, Any]) -> None:
    """Draws the result of ``streamstt bench`` as tables."""
    console.print(f"{result['model']} in {result['precision']}", highlight=False)
    if "sizes" in result:
        _show_machine(console, result)
    else:
        _show_recording(console, result)


def _show_machine(console: Console, result: dict[str, Any]) -> None:
    measured = result["measured"]
    update, slow_update = _format_ms(measured["update_s"]), _format_ms(measured["update_p95_s"])
    console.print(
        f"An update takes {update} ms (95th percentile {slow_update} ms), "
        f"8 s of speech in one decode {_format_ms(measured['utterance_s'])} ms.",
        highlight=False,
    )
    for part, formats in measured.get("formats_s", {}).items():
        times = ", ".join(f"{name} {1000 * seconds:.2g} ms" for name, seconds in formats.items())
        console.print(f"One {part} layer: {times}", highlight=False)
    columns = ("model", "update", "8 s", "new/4 s", "new/8 s", "24 tok", "1 tok", "cpu")
    table = Table(*(Column(name, no_wrap=True) for name in columns), "live captions", box=None, padding=(0, 1, 0, 0))
    table.add_row(
        "measured",
        _format_ms(measured["update_s"]),
        *_stage_cells(measured.get("parts")),
        f"{measured['cpu_s_per_s']:.2f}",
        measured["verdict"],
    )
    if "estimated" in measured:
        table.add_row("estimated", _format_ms(measured["estimated"]["update_s"]), *_stage_cells(measured["estimated"]))
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
        "In ms: an update; the encoder on 8 s of audio, and on what is new in 4 and in 8 s; the decoder on 24 tokens\n"
        "and on one.\n"
        "cpu: CPU seconds per second of speech (measured with a recording with pauses).\n"
        "Models other than the measured one are estimated from the times of their layers.",
        highlight=False,
    )


def _stage_cells(times_s: dict[str, Any] | None) -> tuple[str, ...]:
    """Formats the times of the encoder for each window and of both decoder passes; empty if not measured."""
    if times_s is None:
        return ("",) * 5
    return (*map(_format_ms, times_s["encoder_s"]), _format_ms(times_s["read_s"]), f"{1000 * times_s['say_s']:.1f}")


def _show_recording(console: Console, result: dict[str, Any]) -> None:
    console.print(f"{result['audio_s']:.0f} s of audio, {result['sources']} simultaneous", highlight=False)
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
    table.add_row("words that differ from the file's", f"{result['differs_from_file']:.3g} %")
    table.add_row("maximum memory", f"{result['peak_mb']:.0f} MB")
    console.print(table)
    end = "its end in --words" if result["delays_from"] == "words" else "its end in the captions"
    console.print(f"The delays of words count from {end}.", highlight=False)
    files = Table("as a file", "CPU seconds per second", "word error rate (%)")
    for done in result["offline"]:
        files.add_row(
            done["program"], f"{done['cpu_s_per_s']:.3f}", "" if done["wer"] is None else f"{done['wer']:.2f}"
        )
    console.print(files)


def _format_ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"
