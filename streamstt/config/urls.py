"""Validation of URLs in settings. No error message contains the URL, which may be a secret."""

import re
from urllib.parse import urlsplit


def check_url(text: str, *schemes: str, path: str | None = None, user: bool = False) -> None:
    """Checks a URL.

    Args:
        text: The URL.
        schemes: Schemes that are allowed; the first one is the example in the message.
        path: Regular expression that the path must match; a query is refused then. None: any path and query.
        user: Whether a user name may stand before the host. A password never may.

    Raises:
        ValueError: The URL is invalid.
    """
    example = f"{schemes[0]}://{'user@' if user else ''}host"
    invalid = f"invalid address; expected for example {example} ({', '.join(schemes)})"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(invalid) from error
    if path is not None:
        valid = valid and not parts.query and re.fullmatch(path, parts.path) is not None
    if not valid or any(character.isspace() for character in text):
        raise ValueError(invalid)
    if parts.password is not None and user:
        raise ValueError("the address contains a password, and addresses are logged: use password_file instead")
    if "@" in parts.netloc and not user:
        raise ValueError("the address must not contain a user name or password")


STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "http", "https")


def check_stream_url(text: str) -> None:
    """Checks the address of a live stream; it may contain a user name and a password.

    Raises:
        ValueError: It is invalid, or its scheme is not supported.
    """
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.port != 0 and (parts.scheme != "srt" or parts.port is not None)
    except ValueError:
        valid = False
    scheme = text.partition("://")[0].lower()
    if scheme not in STREAM_SCHEMES:
        raise ValueError(f"url needs an address that begins with {', '.join(f'{s}://' for s in STREAM_SCHEMES)}")
    if not valid or any(character.isspace() for character in text):
        raise ValueError(
            f"invalid address; expected for example url:{scheme}://host{':9000' if scheme == 'srt' else '/path'}"
        )


def public_address(url: str) -> str:
    """Returns scheme, host and port of a URL. All else may be secret: a user, a password, a token, a stream key."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "..."
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" if host else "..."


def public_input(text: str) -> str:
    """Returns the ``input`` of a source as it may be shown: of an address, only what is not secret."""
    kind, _, argument = text.partition(":")
    return f"url:{public_address(argument)}" if kind == "url" else text
