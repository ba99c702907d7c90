"""What earlier runs of the daemon have left in the records, so that this one can continue."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from streamstt.clock import Clock
from streamstt.hub.history import ResumeState
from streamstt.hub.protocol import Message
from streamstt.transcripts.record import TranscriptRecord, final_message, revision_message
from streamstt.transcripts.set_folder import SetFolder

# Messages that may have been numbered, and seen by clients, after the last final that reached the disk: partials and
# statuses of several days. A restart continues this far above the record, so that no number is used twice.
SEQ_MARGIN = 1_000_000


def read_resume_state(folder: SetFolder, names: Iterable[str], history: int, now: datetime) -> ResumeState:
    """Reads sets, beginning with the newest, until there are enough finals.

    Args:
        folder: The folder with the sets.
        names: Names of the sets, oldest first.
        history: Number of finals to read.
        now: The present time.

    Raises:
        OSError: A record cannot be read.
    """
    finals: list[Message] = []
    revisions: list[Message] = []
    newest = oldest = TranscriptRecord()
    for name in reversed(list(names)):
        oldest = folder.read_record(name)
        newest = newest if newest.header else oldest
        finals += map(final_message, oldest.recognized)
        revisions += map(revision_message, oldest.revisions)
        if len(finals) >= history:
            break
    if oldest.header is None:
        return ResumeState(uuid.uuid4().hex[:12])
    finals.sort(key=lambda final: final.seq)  # not only by sets: captions may come late, after a mark
    left_out = finals[:-history]
    forgotten = left_out[-1].seq if left_out else oldest.header.seq
    last_seq = max([newest.seq, *(m.seq for m in (*finals, *revisions))])  # an older set may have the last one
    kept = sorted((m for m in revisions if m.data["final_seq"] > forgotten), key=lambda m: m.seq)
    clock = Clock(_steady_time(newest, now).timestamp())
    return ResumeState(newest.session, last_seq + SEQ_MARGIN, forgotten, tuple(finals[-history:]), tuple(kept), clock)


def _steady_time(newest: TranscriptRecord, now: datetime) -> datetime:
    """Returns what the steady clock shows now: it goes on where the newest record ends, and never back."""
    at, steady = newest.latest or (now, now)
    return steady + max(now - at, timedelta())
