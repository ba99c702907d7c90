"""The page that ``streamstt check`` shows."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamstt.checking.judging import Finding
from streamstt.terminal.lines import harmless

SIGNS = {"good": ("✓", "green"), "look": ("!", "yellow"), "bad": ("✗", "bold red")}


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """A line or two for each, and the sum of it at the end."""
    table = Table(Column(width=1), Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False)
    for finding in findings:
        sign, style = SIGNS[finding.verdict]
        says = Text(harmless_lines(finding.says))
        if finding.remedy:
            says.append(f"\n→ {harmless_lines(finding.remedy)}", "bold" if finding.verdict == "bad" else "")
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


def harmless_lines(text: str) -> str:
    """Several lines, each without what could steer the terminal."""
    return "\n".join(map(harmless, text.splitlines()))
