"""URLs in settings: what is accepted, and that no error message repeats one."""

import pytest

from streamstt.config.brokers import MqttSettings, NatsSettings, RedisSettings
from streamstt.config.outputs import ObsSettings
from streamstt.config.urls import check_url

INVALID = ["", "host", "ftp://host", "https://", "https:///path", "https://host:0", "https://host:x", "https://ho st"]


@pytest.mark.parametrize("text", INVALID)
def test_invalid_urls(text: str) -> None:
    """A scheme that is not allowed, no host, a bad port or white space: the message has an example."""
    with pytest.raises(ValueError, match=r"invalid address; expected for example https://host \(https, http\)"):
        check_url(text, "https", "http")


def test_users_and_passwords() -> None:
    """A user name is accepted where it is allowed, a password never; the message does not repeat it."""
    check_url("mqtt://me@host", "mqtt", user=True)
    for allowed in (True, False):
        with pytest.raises(ValueError, match="password") as caught:
            check_url("mqtt://me:hunter2@host", "mqtt", user=allowed)
        assert "hunter2" not in str(caught.value)


def test_paths() -> None:
    """A path is free unless a pattern is given; then a query is invalid, too."""
    check_url("https://host/a?b=c", "https")
    check_url("redis://host/0", "redis", path=r"/?\d*")
    for text in ("redis://host/a", "redis://host/0?x=1"):
        with pytest.raises(ValueError, match="invalid address"):
            check_url(text, "redis", path=r"/?\d*")


def test_empty_is_off() -> None:
    """An empty URL switches a broker or an output off, and is valid."""
    assert [section().url for section in (MqttSettings, RedisSettings, NatsSettings, ObsSettings)] == [""] * 4
