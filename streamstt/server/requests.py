"""Reads what clients ask for in addresses and text messages. No sockets here."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from streamstt.audio.format import MAX_RATE, MIN_RATE, SAMPLE_RATE
from streamstt.captioning.remote_source import RemoteSourceRequest
from streamstt.hub.history import Resume
from streamstt.hub.protocol import ClientError, load_json_object
from streamstt.hub.revisions import Correction
from streamstt.text.characters import DIRECTION_CONTROLS

MAX_NAME = 64  # characters of a remote source's name, and of its label
MAX_CAPTION = 1_000  # characters of a corrected caption; a message has room for as many in any script


def parse_resume(target: str) -> Resume:
    """Reads ``/captions?since=SEQ&session=ID``.

    Raises:
        ClientError: ``since`` is not a sequence number.
    """
    query = parse_query(target)
    since = query.get("since")
    if since is None:
        return Resume()
    if not re.fullmatch(r"\d{1,15}", since):
        raise ClientError("bad_since", f"since={since[:20]!r} is not a sequence number; use the seq of a message")
    return Resume(int(since), query.get("session"))


def wants_levels(target: str) -> bool:
    """Returns whether ``/captions?levels=1`` asks for the level of each source."""
    return parse_query(target).get("levels") == "1"


def wants_revisions(target: str) -> bool:
    """Returns whether revisions are sent: not if ``revised=0``, on ``/captions`` or ``/audio``, declines them."""
    return parse_query(target).get("revised") != "0"


def wants_heartbeat(target: str) -> bool:
    """Returns whether ``heartbeat=1``, on ``/captions`` or ``/audio``, asks for signs of life."""
    return parse_query(target).get("heartbeat") == "1"


def parse_source_request(target: str, name: str = "remote") -> RemoteSourceRequest:
    """Reads ``/audio?name=NAME&label=LABEL&rate=16000&language=en``; all are optional.

    Args:
        target: Path and query.
        name: Name of the source if the query has none.

    Raises:
        ClientError: A value is out of range.
    """
    query = parse_query(target)
    rate = query.get("rate", str(SAMPLE_RATE))
    if not re.fullmatch(r"\d{1,6}", rate) or not MIN_RATE <= int(rate) <= MAX_RATE:
        raise ClientError("bad_rate", f"rate={rate[:20]!r}: audio may have {MIN_RATE} to {MAX_RATE} samples a second")
    language = query.get("language", "")
    if not re.fullmatch(r"([a-z]{2,3}|auto)?", language):
        raise ClientError("bad_language", f"language={language[:20]!r} is not a code such as en, or auto")
    label = "".join(c for c in query.get("label", "") if c.isprintable())[:MAX_NAME].strip()
    return RemoteSourceRequest(sanitize_source_name(query.get("name", "")) or name, int(rate), language, label)


def parse_correction(data: Mapping[str, Any]) -> Correction:
    """Reads ``{"type":"revise","id":ID,"text":TEXT,"hidden":BOOL,"starred":BOOL,"rev":N}``.

    All but ``id`` and one of ``text``, ``hidden`` and ``starred`` are optional.

    Raises:
        ClientError: A value is missing, of another type, or too long.
    """
    caption_id, text, rev = data.get("id"), data.get("text"), data.get("rev")
    flags = {key: data.get(key) for key in ("hidden", "starred")}
    if not isinstance(caption_id, str):
        raise ClientError("bad_message", 'a revision names its caption: {"type":"revise","id":"desk-7","hidden":true}')
    if text is not None and (not isinstance(text, str) or len(text) > MAX_CAPTION):
        raise ClientError("bad_text", f"the text of a caption is text of at most {MAX_CAPTION} characters")
    if any(not isinstance(flag, bool | None) for flag in flags.values()):
        raise ClientError("bad_message", "hidden and starred are true or false")
    if rev is not None and type(rev) is not int:
        raise ClientError("bad_message", "rev is the number of the revision that is to be changed")
    if text is None and not any(isinstance(flag, bool) for flag in flags.values()):
        raise ClientError("bad_message", "a revision has a text, hidden or starred")
    return Correction(caption_id, None if text is None else sanitize_caption(text), rev=rev, **flags)


def sanitize_caption(text: str) -> str:
    """Returns what a person has typed as the text of a caption: one line without control characters."""
    controls = {"Cc", "Cs", "Zl", "Zp"}  # what joins letters (Cf) is part of some scripts and emoji
    kept = (" " if unicodedata.category(c) in controls else c for c in text if c not in DIRECTION_CONTROLS)
    return " ".join("".join(kept).split())


def sanitize_source_name(text: str) -> str:
    """Returns the name that a client gives itself as the name of a source; empty if no valid character is left."""
    return re.sub(r"[^\w.-]+", "-", text)[:MAX_NAME].strip("-")


def require_end(text: str) -> None:
    """Checks that a text message on ``/audio`` says that no more audio will come.

    Raises:
        ClientError: It says something else.
    """
    data = load_json_object(text)
    if data is None or data.get("type") != "end":
        raise ClientError("bad_message", 'text on /audio can only be {"type":"end"}; audio is binary', 1003)


def parse_auth_token(message: str | bytes) -> str | None:
    """Returns the token in a message ``{"type":"auth","token":"..."}``; None if it is something else."""
    data = load_json_object(message)
    token = data.get("token") if data and data.get("type") == "auth" else None
    return token if isinstance(token, str) else None


def parse_query(target: str, max_fields: int = 20) -> dict[str, str]:
    """Reads the query of a target; of a field that occurs more than once, the last value counts.

    Args:
        target: Path and query.
        max_fields: Maximum number of fields.

    Raises:
        ClientError: It cannot be read.
    """
    try:
        fields = parse_qs(urlsplit(target).query, keep_blank_values=True, max_num_fields=max_fields)
    except ValueError as error:
        raise ClientError("bad_address", f"invalid address: {error}") from error
    return {key: values[-1] for key, values in fields.items()}
