"""Which brokers the settings name. Their client libraries are optional, and imported only here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streamstt.brokers.base import Bus, Feed
from streamstt.brokers.publisher import Sender
from streamstt.config.secrets import read_secret
from streamstt.config.settings import Settings
from streamstt.errors import ConfigError
from streamstt.hub.hub import Hub


def make_buses(settings: Settings, hub: Hub) -> Sequence[Sender]:
    """An outlet for each broker that is switched on.

    Raises:
        ConfigError: Its client library is missing, or its secret cannot be read.
    """
    named = {"mqtt": settings.mqtt.url, "redis": settings.redis.url, "nats": settings.nats.url}
    return [Sender(kind, _make_bus(kind, settings, hub), hub) for kind, url in named.items() if url]


def make_feed(settings: Settings, kind: str) -> Feed:
    """The broker that an edge takes captions from.

    Args:
        settings: With its address.
        kind: ``redis`` or ``nats``.

    Raises:
        ConfigError: As for ``make_buses``.
    """
    with _installed(kind):
        if kind == "redis":
            from streamstt.brokers.redis_streams import RedisFeed  # noqa: PLC0415

            return RedisFeed(settings.redis, _secret(kind, settings.redis.password_file))
        from streamstt.brokers.jetstream import NatsFeed  # noqa: PLC0415

        return NatsFeed(settings.nats, _secret(kind, settings.nats.password_file))


def _make_bus(kind: str, settings: Settings, hub: Hub) -> Bus:
    with _installed(kind):
        match kind:
            case "mqtt":
                from streamstt.brokers.mqtt import MqttBus  # noqa: PLC0415

                return MqttBus(settings.mqtt, _secret(kind, settings.mqtt.password_file), hub)
            case "redis":
                from streamstt.brokers.redis_streams import RedisBus  # noqa: PLC0415

                return RedisBus(settings.redis, _secret(kind, settings.redis.password_file))
        from streamstt.brokers.jetstream import NatsBus  # noqa: PLC0415

        return NatsBus(settings.nats, _secret(kind, settings.nats.password_file))


def _secret(kind: str, file: str) -> str:
    return read_secret(f"{kind}.password_file", file, f"streamstt-{kind}-password")


@contextmanager
def _installed(kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        hint = f"install it with: pip install 'streamstt[{kind}]'"
        raise ConfigError(f"{kind} needs a client library that is not here ({missing.name}); {hint}") from missing
