"""Addresses of live streams: which are accepted, and what of them may be shown."""

import pytest

from streamstt.config.loader import LoadedSettings, settings_from_mapping
from streamstt.config.rendering import effective_toml
from streamstt.config.settings import SourceSettings
from streamstt.errors import ConfigError

SECRETS = ("me", "swordfish", "key-4711", "abc")
ADDRESSES = [
    "rtsp://me:swordfish@camera.example:8554/key-4711?token=abc",
    "rtmp://camera.example:8554/live/key-4711",
    "https://me:swordfish@camera.example:8554?token=abc",
    "srt://camera.example:8554?streamid=key-4711&passphrase=swordfish",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_secrets_are_not_shown(address: str) -> None:
    """The name of the source, and the settings as they are shown, have nothing but scheme, host and port."""
    settings = settings_from_mapping({"source": [{"input": f"url:{address}"}]})
    assert settings.source[0].argument == address
    assert settings.source[0].name == "url-camera.example-8554"
    shown = "\n".join(effective_toml(LoadedSettings(settings, {})))
    assert f'input = "url:{address.partition(":")[0]}://camera.example:8554"' in shown
    for secret in ("swordfish", "key-4711", "abc"):
        assert secret not in shown


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "file:///etc/passwd", "concat:a|b", "ftp://me:swordfish@host/abc", "pipe:0", "/dev/sda", "rtsp://"),
        *("http://", "http://host:99999/", "http://host name/", "rtsp://me:swordfish@/key-4711"),
    ],
)
def test_what_is_no_stream(address: str) -> None:
    """Other schemes, and what is no address, are refused; the message has no secret."""
    with pytest.raises(ConfigError) as caught:
        settings_from_mapping({"source": [{"input": f"url:{address}"}]})
    assert "url" in str(caught.value)
    for secret in ("swordfish", "key-4711", "abc"):
        assert secret not in str(caught.value)


def test_hosts() -> None:
    """An IPv6 address is a host, and a name in capitals is the same name."""
    assert SourceSettings(input="url:RTSP://[::1]:554/x").argument == "RTSP://[::1]:554/x"
