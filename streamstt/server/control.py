"""Commands to a running daemon over ``WS /control``: JSON in, JSON out. No sockets here."""

from typing import Protocol

from streamstt.errors import OutputError
from streamstt.hub.protocol import ClientError, load_json_object, to_json

MAX_TITLE = 200  # characters


class TranscriptControl(Protocol):
    """Controls the transcripts, which are kept in sets."""

    async def mark(self, title: str) -> str:
        """Starts a new set; returns its name.

        Raises:
            OutputError: It cannot be written now.
        """
        ...


async def handle_command(text: str, transcripts: TranscriptControl | None) -> str:
    """Executes the command of a message; returns the reply.

    Args:
        text: ``{"type":"mark","title":"Weekly"}``; without a title, the set is named by the time.
        transcripts: What starts a set; None: no transcripts are kept.

    Raises:
        ClientError: The command is unknown, or cannot be executed.
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
    except OutputError as error:
        raise ClientError("not_written", str(error), 1011) from error


def _is_valid_unicode(title: str) -> bool:
    """Returns whether a title has no lone surrogate: JSON can carry one, files and sockets cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in title)
