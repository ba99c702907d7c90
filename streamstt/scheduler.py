"""Whose turn is it? One decode at a time, cut from the newest audio: finals first, then partials, sources in turn.

Jobs are pulled when the engine is free, never queued: a slow machine captions less often, never later and later.
"""

from collections import deque

from streamstt.speech.rhythm import Need
from streamstt.speech.session import Session


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
        if session is None or session.need() is Need.NOTHING:
            return None
        self._sessions.remove(session)
        self._sessions.append(session)
        return session
