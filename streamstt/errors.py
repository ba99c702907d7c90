"""All errors that users can meet, with the exit code of the command that fails.

    StreamsttError           1
    ├── ConfigError         78   a setting is wrong: a restart does not help (EX_CONFIG of sysexits)
    ├── SourceError          3   a microphone, file or stream cannot be read
    ├── EngineError          4   the speech engine failed
    │   └── ModelError       4   the model's files are missing, damaged or of an unknown kind
    ├── ServerError          5   the port is taken, or a daemon cannot be reached
    ├── OutputError          6   captions cannot be written to an output
    └── ServiceError         7   the service manager is missing or refuses

A message says what failed, with which value, what the choices are, and what to do.
Only the package ``cli`` prints messages and exits.
"""

import os
from collections.abc import Iterator


class StreamsttError(Exception):
    """Base class of all errors that are reported to users."""

    exit_code = 1


class ConfigError(StreamsttError):
    """A setting, an option or an environment variable is wrong."""

    exit_code = 78


class SourceError(StreamsttError):
    """An audio source cannot be opened or read."""

    exit_code = 3


class EngineError(StreamsttError):
    """The speech engine failed."""

    exit_code = 4


class ModelError(EngineError):
    """A model cannot be found, downloaded, verified or loaded."""


class ServerError(StreamsttError):
    """The server cannot listen, or a client cannot reach it."""

    exit_code = 5


class OutputError(StreamsttError):
    """An output for captions cannot be opened or written."""

    exit_code = 6


class ServiceError(StreamsttError):
    """The system service cannot be installed, removed or queried."""

    exit_code = 7


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and those that led to it, the nearest first: each one's cause, or else its context."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def describe_os_error(error: OSError) -> str:
    """Returns the operating system's message for an error, such as "Connection refused".

    Libraries add addresses and file names to their own messages, and these may be secret.
    """
    if error.errno and error.errno > 0:  # the numbers of name resolution are negative
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
