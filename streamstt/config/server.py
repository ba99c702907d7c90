"""Settings of the server: where it listens, who has access, and how much a client may use."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from streamstt.config.base import Section, split_list

# As browsers send it; "file" stands for pages that are local files.
ORIGIN_PATTERN = re.compile(r"file|https?://[^/?#\s]+")
# A host name or an IP address, without a port.
HOST_PATTERN = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]?")


LOOPBACK_BY_WILDCARD = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
LOCAL_CERTIFICATE = "local"  # in place of a file


class ServerSettings(Section):
    """Address, access and limits of the server."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="Port for pages, captions and audio; 0 picks a free one.")
    history: int = Field(
        2000, ge=1, le=100_000, description="Final captions kept for clients that connect late or reconnect."
    )
    hello_history: int = Field(50, ge=0, le=10_000, description="Final captions that a new client receives in hello.")
    client_queue: int = Field(
        500,
        ge=8,
        le=100_000,
        description="Messages that may wait for one slow client; beyond, its connection is closed (1013).",
    )
    max_audio_clients: int = Field(8, ge=0, le=64, description="Remote audio clients at the same time; 0 accepts none.")
    require_token: bool = Field(
        False, description="Require a token on a loopback address too; on any other address it is always required."
    )
    token_file: str = Field("", description="File with the tokens; empty: one is created in the state folder.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description='Names by which clients reach this machine, such as ["captions.example"]; without port.'
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description='Other sites whose pages may connect, such as ["https://example.org"]; "file": local files.'
    )
    tls_certificate: str = Field(
        "",
        description='PEM file with the certificate and its chain; "local": made for this network; empty: no TLS.',
    )
    tls_key: str = Field("", description="PEM file with the private key; empty: it is in the certificate's file.")
    max_connections: int = Field(
        2000, ge=1, le=100_000, description="WebSockets and uploads at the same time; beyond, status 503."
    )
    max_per_address: int = Field(
        100,
        ge=1,
        le=100_000,
        description="The same from one IP address (IPv6: one /64); behind a proxy, all have the same address.",
    )
    handshake_s: float = Field(10, ge=0.1, le=300, description="Time limit for a request, and for the token (s).")
    max_messages_s: int = Field(
        500,
        ge=10,
        le=100_000,
        description="Messages with less than 10 ms of audio that a client may send per second; beyond, closed (1008).",
    )
    audio_idle_s: float = Field(
        60, ge=0.1, le=86_400, description="An audio client is disconnected after this long without audio (s)."
    )

    @field_validator("allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Accepts one comma-separated string, as from the command line."""
        return split_list(value)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [host for host in value if not HOST_PATTERN.fullmatch(host)]
        if wrong:
            raise ValueError(f"invalid host {wrong[0]!r}; expected for example captions.example, without a port")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [origin for origin in value if not ORIGIN_PATTERN.fullmatch(origin)]
        if wrong:
            raise ValueError(
                f"invalid origin {wrong[0]!r}; expected for example https://example.org:8443, without a path"
            )
        return value

    @model_validator(mode="after")
    def _check_tls_pair(self) -> Self:
        if self.tls_key and not self.tls_certificate:
            raise ValueError("tls_key needs a tls_certificate")
        if self.tls_key and self.tls_certificate == LOCAL_CERTIFICATE:
            raise ValueError('tls_certificate = "local" makes its own key: leave tls_key out')
        return self


def local_address(settings: ServerSettings) -> str:
    """Returns ``host:port`` at which a daemon with these settings is reached from its own machine."""
    host = LOOPBACK_BY_WILDCARD.get(settings.host, settings.host)
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"
