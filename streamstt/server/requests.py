"""Reads what clients ask for in addresses and text messages. No sockets here."""

import re
from urllib.parse import parse_qs, urlsplit

from streamstt.audio.format import MAX_RATE, MIN_RATE, SAMPLE_RATE
from streamstt.captioning.remote_source import RemoteSourceRequest
from streamstt.hub.history import Resume
from streamstt.hub.protocol import ClientError, load_json_object

MAX_NAME = 64  # characters of a remote source's name, and of its label


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
