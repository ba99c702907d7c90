"""For all tests: processes of a run end with it, and each failure is named when it happens."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests.support import guardian
from tests.support.paths import ROOT

RESULTS = "test-results.txt"  # in the root of the checkout; tells which tests of an aborted run had failed


def pytest_configure(config: pytest.Config) -> None:
    guardian.guard()
    if not hasattr(config, "workerinput"):  # the workers of xdist report to the process that started them
        config.pluginmanager.register(FailuresAtOnce(config), "failures-at-once")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the files: those that compute between those that wait, and unit tests, which are short, at the end.

    So the cores are busy from the beginning to the end, whatever the number of workers.
    """
    files: dict[str, dict[Path, None]] = {}  # by folder in tests/, in the order of collection
    for item in items:
        files.setdefault(_folder(item), {})[item.path] = None
    position = {path: n / len(paths) for paths in files.values() for n, path in enumerate(paths)}
    items.sort(key=lambda item: (_folder(item) == "unit", position[item.path]))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT / "tests").parts[0]


class FailuresAtOnce:
    """Writes a line for each failure to the terminal and to a file."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file: TextIO | None = None
        self._failed = 0

    def pytest_sessionstart(self) -> None:
        if not self._config.option.collectonly:
            path = Path(self._config.rootpath, RESULTS)
            self._file = path.open("w", encoding="utf-8", buffering=1)

    @pytest.hookimpl(trylast=True)  # its dot or letter comes first
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._report("FAILED" if report.when == "call" else f"ERROR at {report.when} of", report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._report("ERROR", report)

    def _report(self, what: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        self._failed += 1
        line = f"{what} {report.nodeid}"
        if terminal := self._config.pluginmanager.get_plugin("terminalreporter"):
            if terminal._tw.width_of_current_line:  # dots, which the reporter does not know of
                terminal.line("")
            terminal.line(line, red=True)
            terminal.flush()
        self._write(line)

    def _write(self, line: str) -> None:
        if self._file:
            self._file.write(f"{line}\n")

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Iterator[None]:
        yield
        end = "interrupted" if exitstatus == pytest.ExitCode.INTERRUPTED else "complete"
        self._write(f"{end}; {self._failed} failures")
        if self._file:
            self._file.close()
