"""Which session is decoded next, and whether a source has fallen behind. Pure: the caller passes the time.

One decode runs at a time: finals come before partials, and sources take turns. Jobs are cut from the newest audio when
the engine is free, never queued: a slow machine updates captions less often, but does not fall further and further
behind.
"""

from collections import deque

from streamstt.audio.format import samples_from_ms
from streamstt.speech.session import Session
from streamstt.speech.update_policy import DecodeNeed

# Overdue samples from which the notice appears, and below which it disappears. They differ so that it does not flicker.
LATE = samples_from_ms(2000)  # a delay that readers notice
RECOVERED = samples_from_ms(700)

LAG_TEXT = "Captions are late: this machine cannot keep up. A smaller model, or fewer sources, would help."


class LagMonitor:
    """Decides whether the captions of one source are late.

    Attributes:
        late: Whether they are.
    """

    def __init__(self) -> None:
        """Starts with captions that are not late."""
        self.late = False
        self._gap = 0, 0  # the last one
        self._excused = 0

    def note_gap(self, start: int, end: int) -> None:
        """Notes that the audio between two sample indexes was lost: there is nothing in it to be decoded."""
        self._gap = start, end

    def excuse(self, samples: int) -> None:
        """Excuses audio that comes at once, as a server sends what it has kept, until it has been decoded.

        Args:
            samples: Number of samples.
        """
        self._excused += samples

    def update(self, overdue: int, position: int, ahead: int = 0) -> bool:
        """Updates ``late``.

        Args:
            overdue: Number of samples that should have been decoded by now.
            position: Number of samples that have arrived.
            ahead: Number of those that would not have been spoken yet: a recording may come faster, and is not late.

        Returns:
            Whether ``late`` has changed.
        """
        overdue -= ahead
        gap_start, gap_end = self._gap
        overdue -= max(0, gap_end - max(gap_start, position - overdue))
        if overdue < RECOVERED:
            self._excused = 0
        overdue -= self._excused
        late = overdue >= (RECOVERED if self.late else LATE)
        changed = late != self.late
        self.late = late
        return changed

    @property
    def notice(self) -> str:
        """A sentence for the operator; empty if captions are not late."""
        return LAG_TEXT if self.late else ""


class Scheduler:
    """Selects the session to decode next; keeps the sessions in order, the one that has waited longest first."""

    def __init__(self) -> None:
        self._sessions: deque[Session] = deque()

    def add(self, session: Session) -> None:
        """Adds the session of a source."""
        self._sessions.append(session)

    def remove(self, session: Session) -> None:
        """Removes the session of a source."""
        self._sessions.remove(session)

    def next(self) -> Session | None:
        """Returns the session to decode now, and moves it to the end of the order; None if no session needs it."""
        # max keeps the first of equals: the one that has waited longest.
        session = max(self._sessions, key=lambda s: s.need(), default=None)
        if session is None or session.need() is DecodeNeed.NOTHING:
            return None
        self._sessions.remove(session)
        self._sessions.append(session)
        return session
