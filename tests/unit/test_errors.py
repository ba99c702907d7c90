"""One tree of errors, each with its exit code."""

import pytest

from streamstt.errors import (
    ConfigError,
    EngineError,
    ModelError,
    OutputError,
    ServerError,
    SourceError,
    StreamsttError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, 78),
        (SourceError, 3),
        (EngineError, 4),
        (ModelError, 4),
        (ServerError, 5),
        (OutputError, 6),
    ],
)
def test_exit_codes(kind: type[StreamsttError], code: int) -> None:
    """Scripts and systemd can tell by the exit code what is wrong, and one handler catches all."""
    assert kind("x").exit_code == code
    assert issubclass(kind, StreamsttError)
