"""What the downloads of the captions hold. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message
from streamstt.transcripts.archive import SessionSet
from streamstt.transcripts.record import SetHeader


class SessionRecords(Protocol):
    """The transcripts of this session on disk; may change at any time, in another thread."""

    @property
    def session_sets(self) -> Sequence[SessionSet]:
        """The sets, oldest first."""
        ...

    @property
    def is_session_whole(self) -> bool:
        """Whether none of them was deleted."""
        ...


def describe_session(hub: Hub, records: SessionRecords | None) -> dict[str, Any]:
    """Returns the content of ``/session.json``.

    Args:
        hub: Where captions are published.
        records: The transcripts; None: none are kept, so that only the history of the hub can be downloaded.
    """
    sets = records.session_sets if records else ()
    starts = [session_set.header.started_at for session_set in sets[:1]]
    starts += [at for message in hub.finals[:1] if (at := message.at)]
    current = sets[-1].header if len(sets) > 1 else None
    return {
        "session": hub.daemon_info.session,
        "whole": records.is_session_whole if records else not hub.forgotten_seq,
        "from": _format(min(starts)) if starts else None,
        "set": {"title": current.title, "from": _format(current.started_at)} if current else None,
    }


def belongs_to_set(final: Message, header: SetHeader) -> bool:
    """Returns whether a final is in a set, and not in the one before: if it ended after the set began."""
    start = final.steady_at
    if start is None:
        return True
    return start + timedelta(seconds=final.data["end"] - final.data["start"]) > header.steady_at


def _format(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
