"""The settings of the server: where it listens, who may come in, and how much they may ask for."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from streamstt.config.base import Section, split_list

ORIGIN_PATTERN = re.compile(
    r"file|https?://[^/?#\s]+"
)  # as browsers send it; "file" stands for pages that are local files
HOST_PATTERN = re.compile(
    r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]?"
)  # a name or address, no port


class ServerSettings(Section):
    """Where captions are served."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="Port for pages, captions and audio; 0 picks a free one.")
    history: int = Field(2000, ge=1, le=100_000, description="Final captions kept for clients that come late or back.")
    hello_history: int = Field(50, ge=0, le=10_000, description="Final captions a new client is greeted with.")
    client_queue: int = Field(
        500, ge=8, le=100_000, description="Messages that may wait for one slow client; beyond, it is closed (1013)."
    )
    max_audio_clients: int = Field(8, ge=0, le=64, description="Remote audio streams at once; 0 accepts none.")
    require_token: bool = Field(
        False, description="Demand a token on a loopback address as well; on any other one is always demanded."
    )
    token_file: str = Field("", description="File with the tokens; empty: one is made in the state folder.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description='Names under which clients reach this machine, such as ["captions.example"]; without port.'
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description='Pages from elsewhere that may connect, such as ["https://example.org"]; "file": local files.'
    )
    tls_certificate: str = Field("", description="PEM file with certificate and chain; empty: no TLS.")
    tls_key: str = Field("", description="PEM file with its private key; empty: it is in the certificate's file.")
    max_connections: int = Field(2000, ge=1, le=100_000, description="Connections at once; beyond, 503.")
    max_per_address: int = Field(
        100, ge=1, le=100_000, description="The same from one address (IPv6: one /64); behind a proxy, all are one."
    )
    handshake_s: float = Field(10, ge=0.1, le=300, description="Time for a request, and for a token to come (s).")
    max_messages_s: int = Field(
        500,
        ge=10,
        le=100_000,
        description="Messages with less than 10 ms of audio one client may send a second (1008).",
    )
    audio_idle_s: float = Field(
        60, ge=0.1, le=86_400, description="An audio client is closed after so long without (s)."
    )

    @field_validator("allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """One string, as from the command line, is a list with commas."""
        return split_list(value)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [host for host in value if not HOST_PATTERN.fullmatch(host)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no name or address; one looks like captions.example, without a port")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [origin for origin in value if not ORIGIN_PATTERN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no origin; one looks like https://example.org:8443, without a path")
        return value

    @model_validator(mode="after")
    def _check_tls_pair(self) -> Self:
        if self.tls_key and not self.tls_certificate:
            raise ValueError("tls_key needs a tls_certificate")
        return self
