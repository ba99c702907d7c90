"""Commands to a running daemon over ``WS /control``: JSON in, JSON out. No sockets here."""

from collections.abc import Mapping
from typing import Any, Protocol

from streamstt.errors import OutputError
from streamstt.hub.protocol import ClientError, Message, load_json_object, to_json
from streamstt.hub.revisions import Correction
from streamstt.server.requests import parse_correction

MAX_TITLE = 200  # characters


class TranscriptControl(Protocol):
    """Controls the transcripts, which are kept in sets."""

    async def mark(self, title: str) -> str:
        """Starts a new set; returns its name.

        Raises:
            OutputError: It cannot be written now.
        """
        ...


class CaptionControl(Protocol):
    """Revises captions."""

    def revise(self, correction: Correction) -> Message:
        """Corrects, hides or stars a final; returns the message that viewers receive.

        Raises:
            ClientError: There is no such final, or it was revised since the request was made.
        """
        ...


async def handle_command(text: str, transcripts: TranscriptControl | None, captions: CaptionControl) -> str:
    """Executes the command of a message; returns the reply.

    Args:
        text: ``{"type":"mark","title":"Weekly"}``; without a title, the set is named by the time. Or
            ``{"type":"revise","id":...}``, see ``parse_correction``.
        transcripts: What starts a set; None: no transcripts are kept.
        captions: What revises captions.

    Raises:
        ClientError: The command is unknown, or cannot be executed.
    """
    data = load_json_object(text)
    match data and data.get("type"):
        case "mark":
            return await _mark(data or {}, transcripts)
        case "revise":
            return captions.revise(parse_correction(data or {})).text
    examples = '{"type":"mark","title":"Weekly"} or {"type":"revise","id":"desk-7","text":"Good morning."}'
    raise ClientError("bad_message", f"a message on /control looks like {examples}")


async def _mark(data: Mapping[str, Any], transcripts: TranscriptControl | None) -> str:
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
