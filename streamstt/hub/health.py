"""Is the daemon well? For monitors, which see the HTTP status, and for people, who read why. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamstt.hub.hub import Hub
from streamstt.hub.source_status import Notice

OUTPUT_TOPIC = "outlet"  # captions do not reach another program
# Notices that say how a source sounds: worth a look, but a muted microphone at night is no reason to call anybody. Nor
# is a program that is away: viewers have their captions.
NON_FATAL = {"clipping", "silence", OUTPUT_TOPIC}


@dataclass(frozen=True, slots=True)
class Health:
    """What a monitor is told.

    Attributes:
        ready: Captions come, of all sources, in time, and are kept if they are to be.
        reasons: What is wrong, a sentence each; of a daemon that is ready, what deserves a look.
    """

    ready: bool
    reasons: tuple[str, ...]

    @property
    def status(self) -> str:
        """In one word."""
        return "ready" if self.ready else "degraded"

    @property
    def summary(self) -> str:
        """In one line."""
        return f"{self.status}: {' '.join(self.reasons)}" if self.reasons else self.status


def evaluate(missing: Iterable[tuple[str, str]], notices: Iterable[Notice]) -> Health:
    """Judges how things stand.

    Args:
        missing: Sources from which no audio can come, and why.
        notices: All that stand.
    """
    gone = [f"{name} is not there: {why or 'no reason is known.'}" for name, why in missing]
    serious = [str(notice) for notice in notices if notice.topic not in NON_FATAL]
    advice = [str(notice) for notice in notices if notice.topic in NON_FATAL]
    return Health(not (gone or serious), (*gone, *serious, *advice))


def hub_health(hub: Hub) -> Health:
    """Of a hub and its sources."""
    return evaluate([(name, hub.status_detail(name)) for name in hub.missing_sources], hub.notices)
