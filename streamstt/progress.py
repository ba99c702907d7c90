"""Reports how far a download is."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class LogProgress:
    """Logs how far a download is, in tenths: for where no terminal shows a bar. Any thread."""

    def __init__(self) -> None:
        self._told: tuple[str, int] = ("", 0)

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """So many bytes are there, of so many or of nobody knows how many."""
        told = (what, 10 * done // total if total else done // 100_000_000)
        if told != self._told:
            self._told = told
            log.info("fetching %s: %s", what, f"{done / total:.0%}" if total else f"{done / 1e6:.0f} MB")


Progress = Callable[[str, int, int | None], None]
"""Called with what is fetched, bytes done, and bytes in all or None; at times from another thread."""
