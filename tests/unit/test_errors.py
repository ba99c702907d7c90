"""The errors and their exit codes."""

import pytest

from streamstt.errors import (
    ConfigError,
    EngineError,
    ModelError,
    OutputError,
    ServerError,
    ServiceError,
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
        (ServiceError, 7),
    ],
)
def test_exit_codes(kind: type[StreamsttError], code: int) -> None:
    """Each kind of error has its exit code, and one handler catches all."""
    assert kind("x").exit_code == code
    assert issubclass(kind, StreamsttError)
