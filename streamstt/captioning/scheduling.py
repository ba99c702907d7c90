"""Whose turn is it? One decode at a time, cut from the newest audio: finals first, then partials, sources in turn.

Jobs are pulled when the engine is free, never queued: a slow machine captions less often, never later and later.
"""

from collections import deque

from streamstt.audio.format import samples_from_ms
from streamstt.speech.session import Session
from streamstt.speech.update_policy import DecodeNeed

LATE = samples_from_ms(2000)  # samples that wait for the engine beyond the usual update: a reader notices


RECOVERED = samples_from_ms(
    700
)  # samples: not late any more; between the two nothing changes, so that viewers are not told in turns


LAG_TEXT = "Captions are late: this machine cannot keep up. A smaller model, or fewer sources, would help."


class LagMonitor:
    """Of one source."""

    def __init__(self, started_at: int) -> None:
        """All is well.

        Args:
            started_at: A clock in samples, when the source's first sample came.
        """
        self.late = False
        self._started_at = started_at

    def update(self, overdue: int, position: int, clock: int) -> bool:
        """Takes how things stand; whether that changed ``late``.

        Args:
            overdue: Samples that should have been heard by now.
            position: Samples that came so far: a file may send faster than it was spoken, and then nobody is late.
            clock: The clock now.
        """
        overdue -= max(0, position - (clock - self._started_at))
        late = overdue >= (RECOVERED if self.late else LATE)
        changed = late != self.late
        self.late = late
        return changed

    @property
    def notice(self) -> str:
        """What to tell the source's viewers; empty when all is well."""
        return LAG_TEXT if self.late else ""


class Scheduler:
    """Keeps the sessions in the order in which they were served, the longest waiting first."""

    def __init__(self) -> None:
        self._sessions: deque[Session] = deque()

    def add(self, session: Session) -> None:
        """Takes in a source."""
        self._sessions.append(session)

    def remove(self, session: Session) -> None:
        """Forgets a source."""
        self._sessions.remove(session)

    def next(self) -> Session | None:
        """The session to serve now; it goes to the back of the line. None when nobody needs anything."""
        # max keeps the first of equals: the one that has waited longest.
        session = max(self._sessions, key=lambda s: s.need(), default=None)
        if session is None or session.need() is DecodeNeed.NOTHING:
            return None
        self._sessions.remove(session)
        self._sessions.append(session)
        return session
