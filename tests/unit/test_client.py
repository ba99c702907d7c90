"""What a user may type as the address of a daemon."""

import pytest

from streamstt.client import captions_url
from streamstt.errors import ServerError


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("8765", "ws://127.0.0.1:8765/captions"),
        ("desk:8765", "ws://desk:8765/captions"),
        ("desk", "ws://desk/captions"),
        ("ws://desk:1", "ws://desk:1/captions"),
        ("http://desk:8765/", "ws://desk:8765/captions"),
        ("http://desk:8765/overlay?lines=2", "ws://desk:8765/captions"),
        ("https://captions.example", "wss://captions.example/captions"),
        ("[::1]:8765", "ws://[::1]:8765/captions"),
    ],
)
def test_addresses(typed: str, address: str) -> None:
    """A port, a host and port, or the address of any of the daemon's pages."""
    assert captions_url(typed) == address


@pytest.mark.parametrize("typed", ["", "ftp://desk", "desk:port", "desk:99999", "ws://", "http://[::1", ":8765"])
def test_no_address(typed: str) -> None:
    """Anything else is an error that shows what one looks like."""
    with pytest.raises(ServerError, match="ws://127"):
        captions_url(typed)
