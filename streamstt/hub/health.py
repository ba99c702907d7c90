"""The daemon's health: a status for monitors, and reasons for people. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamstt.hub.hub import Hub
from streamstt.hub.source_status import Notice

OUTPUT_TOPIC = "outlet"  # captions do not reach an output
# Topics that leave the daemon ready. A muted microphone at night is no reason to call anybody, nor is an output that
# cannot be reached, nor a smaller model for a while: viewers have their captions.
NON_FATAL = {"clipping", "silence", "model", OUTPUT_TOPIC}


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a daemon.

    Attributes:
        ready: Whether all sources are captioned in time, and captions are stored if they are to be.
        reasons: What is wrong, a sentence each; warnings come last.
    """

    ready: bool
    reasons: tuple[str, ...]

    @property
    def status(self) -> str:
        """``ready`` or ``degraded``."""
        return "ready" if self.ready else "degraded"

    @property
    def summary(self) -> str:
        """Status and reasons on one line."""
        return f"{self.status}: {' '.join(self.reasons)}" if self.reasons else self.status


def evaluate(missing: Iterable[tuple[str, str]], notices: Iterable[Notice]) -> Health:
    """Evaluates the health.

    Args:
        missing: Sources whose device is missing, each with the reason.
        notices: All notices in force.
    """
    lost = [f"{name} is not there: {why or 'no reason is known.'}" for name, why in missing]
    errors = [str(notice) for notice in notices if notice.topic not in NON_FATAL]
    warnings = [str(notice) for notice in notices if notice.topic in NON_FATAL]
    return Health(not (lost or errors), (*lost, *errors, *warnings))


def hub_health(hub: Hub) -> Health:
    """Evaluates the health of a hub and its sources."""
    return evaluate([(name, hub.status_detail(name)) for name in hub.missing_sources], hub.notices)
