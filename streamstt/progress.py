"""Progress of downloads: the type of a callback, and one that logs."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class LogProgress:
    """Logs the progress of a download every 10 %, or every 100 MB if its size is unknown. Thread-safe."""

    def __init__(self) -> None:
        self._reported: tuple[str, int] = ("", 0)

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Reports progress.

        Args:
            what: Name of the download.
            done: Bytes that have arrived.
            total: Size in bytes; None: unknown.
        """
        step = (what, 10 * done // total if total else done // 100_000_000)
        if step != self._reported:
            self._reported = step
            log.info("fetching %s: %s", what, f"{done / total:.0%}" if total else f"{done / 1e6:.0f} MB")


Progress = Callable[[str, int, int | None], None]
"""Called with the name of a download, bytes done, and total bytes or None; possibly from another thread."""
