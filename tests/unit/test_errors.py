"""The errors and their exit codes."""

import socket

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
    causes,
    describe_os_error,
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


def test_the_system_s_own_words() -> None:
    """What a library adds to an error, such as an address, is left out; name resolution has numbers of its own."""
    assert describe_os_error(ConnectionRefusedError(111, "connect to secret.example")) == "Connection refused"
    assert describe_os_error(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"
    assert describe_os_error(TimeoutError()) == "TimeoutError"


def test_what_is_behind_an_error() -> None:
    """The chain is followed from the outermost to the first: causes, and where none is named, contexts."""
    first, second, third = OSError(111, "x"), ValueError("y"), RuntimeError("z")
    second.__context__, third.__cause__ = first, second
    assert list(causes(third)) == [third, second, first]
