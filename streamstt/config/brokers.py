"""Which message brokers captions go to, or come from on an edge."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from streamstt.config.base import Section

STREAM_NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"


def _url_validator(*schemes: str) -> AfterValidator:
    """A check that a text is an address with one of the schemes, without a password in it."""

    def check(value: str) -> str:
        example = f"{schemes[0]}://localhost"
        try:
            parts = urlsplit(value)
            known = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
            path = r"/?\d{0,5}" if schemes[0] == "redis" else "/?"  # the number of a database
            known = known and not parts.query and bool(re.fullmatch(path, parts.path))
        except ValueError:
            known = False
        if value and not known:
            raise ValueError(f"is no address of one of the kinds {', '.join(schemes)}; one looks like {example}")
        if value and parts.password is not None:
            raise ValueError("an address is shown and logged: put the password into a file (password_file)")
        return value

    return AfterValidator(check)


MqttUrl = Annotated[str, _url_validator("mqtt", "mqtts")]
RedisUrl = Annotated[str, _url_validator("redis", "rediss")]
NatsUrl = Annotated[str, _url_validator("nats", "tls")]
PASSWORD_FILE_HELP = "File with the password alone; empty: the credential {} of systemd, or none."  # noqa: S105 - a help text


class MqttSettings(Section):
    """Captions to an MQTT broker, for homes and dashboards."""

    url: MqttUrl = Field("", description='Such as "mqtt://user@broker:1883", or mqtts:// with TLS; empty: not to MQTT.')
    password_file: str = Field("", description=PASSWORD_FILE_HELP.format("streamstt-mqtt-password"))
    topic: str = Field(
        "streamstt",
        max_length=200,
        pattern=r"^[\w.-]+(/[\w.-]+)*$",
        description="First part of the topics: TOPIC/SOURCE/final.",
    )
    partials: bool = Field(False, description="Captions that still grow as well, at TOPIC/SOURCE/partial.")


class RedisSettings(Section):
    """Captions to a Redis stream, for edge servers and other programs."""

    url: RedisUrl = Field(
        "", description='Such as "redis://user@broker:6379/0", or rediss:// with TLS; empty: not to Redis.'
    )
    password_file: str = Field("", description=PASSWORD_FILE_HELP.format("streamstt-redis-password"))
    stream: str = Field(
        "streamstt", pattern=STREAM_NAME_PATTERN, description="Name of the stream; one daemon writes to it."
    )
    keep: int = Field(10_000, ge=100, le=10**6, description="Entries that the broker keeps, about: finals and states.")
    keep_hours: int = Field(168, ge=1, le=100_000, description="Older ones are deleted (hours).")


class NatsSettings(Section):
    """Captions to a NATS JetStream stream, for edge servers and other programs."""

    url: NatsUrl = Field("", description='Such as "nats://user@broker:4222", or tls:// with TLS; empty: not to NATS.')
    password_file: str = Field(
        "", description=PASSWORD_FILE_HELP.format("streamstt-nats-password") + " No user: a token."
    )
    stream: str = Field(
        "streamstt",
        pattern=STREAM_NAME_PATTERN,
        description="Name of the stream, and first part of its subjects; one daemon writes.",
    )
    keep: int = Field(10_000, ge=100, le=10**6, description="Entries that the broker keeps: finals and states.")
    keep_hours: int = Field(168, ge=1, le=100_000, description="Older ones are deleted (hours).")
