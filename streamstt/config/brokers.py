"""Settings of the message brokers that a daemon publishes to and an edge subscribes to."""

from typing import Annotated

from pydantic import AfterValidator, Field

from streamstt.config.base import Section
from streamstt.config.urls import check_url

STREAM_NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"


def _url_validator(*schemes: str, path: str = "/?") -> AfterValidator:
    """Makes a validator for a broker's URL, which may name a user; empty is valid."""

    def check(value: str) -> str:
        if value:
            check_url(value, *schemes, path=path, user=True)
        return value

    return AfterValidator(check)


MqttUrl = Annotated[str, _url_validator("mqtt", "mqtts")]
RedisUrl = Annotated[str, _url_validator("redis", "rediss", path=r"/?\d{0,5}")]  # the path is the number of a database
NatsUrl = Annotated[str, _url_validator("nats", "tls")]
PASSWORD_FILE_HELP = "File that contains only the password; empty: systemd's credential {}, or no password."  # noqa: S105 - a help text


class MqttSettings(Section):
    """Captions to an MQTT broker, for home automation and dashboards."""

    url: MqttUrl = Field("", description='Such as "mqtt://user@broker:1883", or mqtts:// with TLS; empty: off.')
    password_file: str = Field("", description=PASSWORD_FILE_HELP.format("streamstt-mqtt-password"))
    topic: str = Field(
        "streamstt",
        max_length=200,
        pattern=r"^[\w.-]+(/[\w.-]+)*$",
        description="First part of the topic names: TOPIC/SOURCE/final.",
    )
    partials: bool = Field(False, description="Also publish partial captions, to TOPIC/SOURCE/partial.")


class RedisSettings(Section):
    """Captions to a Redis stream, for edge servers and other programs."""

    url: RedisUrl = Field("", description='Such as "redis://user@broker:6379/0", or rediss:// with TLS; empty: off.')
    password_file: str = Field("", description=PASSWORD_FILE_HELP.format("streamstt-redis-password"))
    stream: str = Field(
        "streamstt", pattern=STREAM_NAME_PATTERN, description="Name of the stream; only one daemon may write to it."
    )
    keep: int = Field(
        10_000, ge=100, le=10**6, description="Approximate number of entries (finals and states) that the broker keeps."
    )
    keep_hours: int = Field(168, ge=1, le=100_000, description="Older entries are deleted (hours).")


class NatsSettings(Section):
    """Captions to a NATS JetStream stream, for edge servers and other programs."""

    url: NatsUrl = Field("", description='Such as "nats://user@broker:4222", or tls:// with TLS; empty: off.')
    password_file: str = Field(
        "", description=PASSWORD_FILE_HELP.format("streamstt-nats-password") + " Without a user it is a token."
    )
    stream: str = Field(
        "streamstt",
        pattern=STREAM_NAME_PATTERN,
        description="Name of the stream and first part of its subjects; only one daemon may write to it.",
    )
    keep: int = Field(
        10_000, ge=100, le=10**6, description="Number of entries (finals and states) that the broker keeps."
    )
    keep_hours: int = Field(168, ge=1, le=100_000, description="Older entries are deleted (hours).")
