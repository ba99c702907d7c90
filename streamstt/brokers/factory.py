"""Creates the publishers and readers of the brokers in the settings. Imports their optional client libraries lazily."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streamstt.brokers.base import BrokerReader, BrokerWriter
from streamstt.brokers.publisher import BrokerPublisher
from streamstt.config.secrets import read_secret
from streamstt.config.settings import Settings
from streamstt.errors import ConfigError
from streamstt.hub.hub import Hub


def make_publishers(settings: Settings, hub: Hub) -> Sequence[BrokerPublisher]:
    """Creates a publisher for each broker that has an address.

    Raises:
        ConfigError: A client library is missing, or a password cannot be read.
    """
    urls = {"mqtt": settings.mqtt.url, "redis": settings.redis.url, "nats": settings.nats.url}
    return [BrokerPublisher(kind, _make_writer(kind, settings, hub), hub) for kind, url in urls.items() if url]


def make_reader(settings: Settings, kind: str) -> BrokerReader:
    """Creates the reader with which an edge receives captions.

    Args:
        settings: The settings, with the broker's address.
        kind: ``redis`` or ``nats``.

    Raises:
        ConfigError: The client library is missing, or the password cannot be read.
    """
    with _require_client_library(kind):
        if kind == "redis":
            from streamstt.brokers.redis_streams import RedisReader  # noqa: PLC0415

            return RedisReader(settings.redis, _read_password(kind, settings.redis.password_file))
        from streamstt.brokers.jetstream import NatsReader  # noqa: PLC0415

        return NatsReader(settings.nats, _read_password(kind, settings.nats.password_file))


def _make_writer(kind: str, settings: Settings, hub: Hub) -> BrokerWriter:
    with _require_client_library(kind):
        match kind:
            case "mqtt":
                from streamstt.brokers.mqtt import MqttWriter  # noqa: PLC0415

                return MqttWriter(settings.mqtt, _read_password(kind, settings.mqtt.password_file), hub)
            case "redis":
                from streamstt.brokers.redis_streams import RedisWriter  # noqa: PLC0415

                return RedisWriter(settings.redis, _read_password(kind, settings.redis.password_file))
        from streamstt.brokers.jetstream import NatsWriter  # noqa: PLC0415

        return NatsWriter(settings.nats, _read_password(kind, settings.nats.password_file))


def _read_password(kind: str, file: str) -> str:
    return read_secret(f"{kind}.password_file", file, f"streamstt-{kind}-password")


@contextmanager
def _require_client_library(kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        hint = f"install it with: pip install 'streamstt[{kind}]'"
        raise ConfigError(f"{kind} needs a client library that is not installed ({missing.name}); {hint}") from missing
