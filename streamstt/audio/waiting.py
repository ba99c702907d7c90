"""Whether a device that is not there at the start is waited for: at boot, the sound server may come later."""

import logging
import os
from collections.abc import Mapping

from streamstt.audio.sources import AudioSource
from streamstt.config.settings import Source
from streamstt.errors import SourceError

log = logging.getLogger(__name__)


def waits(settings: Source, environ: Mapping[str, str] | None = None, process: int = 0) -> bool:
    """Whether the source may come later; only a device may.

    Args:
        settings: Of the source.
        environ: In place of the process's environment.
        process: In place of the process's number.
    """
    if settings.kind not in {"mic", "monitor"}:
        return False
    if settings.wait == "auto":
        return is_service(os.environ if environ is None else environ, process or os.getpid())
    return settings.wait == "yes"


def is_service(environ: Mapping[str, str], process: int) -> bool:
    """Whether systemd started this very process; a shell in a desktop's terminal inherits all but these."""
    return "NOTIFY_SOCKET" in environ or environ.get("SYSTEMD_EXEC_PID") == str(process)


def look(source: AudioSource, *, waits: bool) -> None:
    """Opens the source for a moment: what is wrong is said before a slow start.

    Raises:
        SourceError: It cannot be opened, and is not to be waited for.
    """
    try:
        source.open()
    except SourceError as error:
        if not waits:
            raise
        log.warning("it will be waited for: %s", error)
    else:
        source.close()
