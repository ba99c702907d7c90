"""Every error that a user can meet, each with the exit code of the command that ends by it.

    StreamsttError           1
    ├── ConfigError         78   a setting is wrong: a restart will not help (sysexits EX_CONFIG)
    ├── SourceError          3   a microphone, file or stream cannot be read
    ├── EngineError          4   the speech engine failed
    │   └── ModelError       4   the model's files are missing, damaged or of an unknown kind
    ├── ServerError          5   the port is taken, or a daemon cannot be reached
    ├── SinkError            6   captions cannot be written where they were asked for
    └── ServiceError         7   the service manager is not there, or refuses

A message says what failed, with which value, what the choices are, and what to do.
Only ``cli`` and ``commands`` print and exit.
"""


class StreamsttError(Exception):
    """Base of all errors that are the user's business."""

    exit_code = 1


class ConfigError(StreamsttError):
    """A setting, an option or an environment variable is wrong."""

    exit_code = 78


class SourceError(StreamsttError):
    """An audio source cannot be opened or read."""

    exit_code = 3


class EngineError(StreamsttError):
    """The speech engine failed while it worked."""

    exit_code = 4


class ModelError(EngineError):
    """A model cannot be found, fetched, verified or loaded."""


class ServerError(StreamsttError):
    """The server cannot listen, or a client cannot reach it."""

    exit_code = 5


class OutputError(StreamsttError):
    """A place that captions go to cannot be opened."""

    exit_code = 6


class ServiceError(StreamsttError):
    """A service cannot be installed, removed or asked."""

    exit_code = 7
