"""How many connections the operating system lets this process hold."""

import logging
import resource

RESERVE = 256  # descriptors for audio, files, the model, and connections that are being turned away

log = logging.getLogger(__name__)


def room_for(connections: int) -> int:
    """Raises the process's own limit of open files as far as it may, and returns how many connections fit.

    Without room, accepting fails for everybody, again and again; with it, one too many is answered.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    fit = max(16, soft - RESERVE)
    log.warning("only %d open files are allowed (ulimit -n): %d connections at once, not %d", soft, fit, connections)
    return fit
