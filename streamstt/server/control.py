"""What may be asked of a running daemon over ``WS /control``: JSON in, JSON out. No sockets here."""

from typing import Protocol

from streamstt.errors import OutputError
from streamstt.hub.protocol import ClientError, load_json_object, to_json

MAX_TITLE = 200  # characters


class TranscriptControl(Protocol):
    """Keeps transcripts, in sets."""

    async def mark(self, title: str) -> str:
        """Begins a new set, and returns its name.

        Raises:
            SinkError: It cannot be written now.
        """
        ...


async def handle_command(text: str, transcripts: TranscriptControl | None) -> str:
    """Does what a message asks for, and returns the answer to it.

    Args:
        text: ``{"type":"mark","title":"Weekly"}``; without a title the set is named by the time.
        transcripts: None: no transcripts are kept.

    Raises:
        ClientError: It asks for what cannot be.
    """
    data = load_json_object(text)
    if data is None or data.get("type") != "mark":
        raise ClientError("bad_message", 'a message on /control looks like {"type":"mark","title":"Weekly"}')
    title = data.get("title", "")
    if not isinstance(title, str) or len(title) > MAX_TITLE or not _is_valid_unicode(title):
        raise ClientError("bad_title", f"a title is text of at most {MAX_TITLE} characters")
    if transcripts is None:
        raise ClientError("no_transcripts", "no transcripts are kept; switch them on with transcript.enabled = true")
    try:
        return to_json({"type": "marked", "name": await transcripts.mark(title)})
    except OutputError as problem:
        raise ClientError("not_written", str(problem), 1011) from problem


def _is_valid_unicode(title: str) -> bool:
    """JSON can carry half of a surrogate pair; neither files nor sockets can."""
    return not any("\ud800" <= letter <= "\udfff" for letter in title)
