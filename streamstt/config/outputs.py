"""Settings of the outputs: where captions are sent besides viewers. Each is off until its address is set."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from streamstt.config.base import Section, split_list
from streamstt.config.urls import check_url


def _url_validator(*schemes: str) -> AfterValidator:
    """Makes a validator for a URL, which may be a secret; empty is valid."""

    def check(value: str | SecretStr) -> str | SecretStr:
        text = value if isinstance(value, str) else value.get_secret_value()
        if text:
            check_url(text, *schemes)
        return value

    return AfterValidator(check)


WebSocketUrl = Annotated[str, _url_validator("ws", "wss")]
SecretUrl = Annotated[SecretStr, _url_validator("https", "http")]
NO_SECRET = SecretStr("")
SOURCES_HELP = "Names of the sources whose captions are sent; empty: all."
URL_FILE_HELP = "File that contains only the address, read again at each connection; or systemd's credential {}."
SECRET_FILE_HELP = "File that contains only the secret; or systemd's credential {}."  # noqa: S105 - a help text


class TargetSettings(Section):
    """Settings that all sections of this file share."""

    sources: tuple[str, ...] = Field((), description=SOURCES_HELP)

    @field_validator("sources", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Accepts one comma-separated string, as from the command line."""
        return split_list(value)


class ObsSettings(TargetSettings):
    """Captions to OBS Studio, through its WebSocket server (Tools, WebSocket Server Settings)."""

    url: WebSocketUrl = Field("", description='Such as "ws://127.0.0.1:4455"; empty: off.')
    password: SecretStr = Field(NO_SECRET, description="Password of OBS's WebSocket server.")
    password_file: str = Field("", description=SECRET_FILE_HELP.format("streamstt-obs-password"))
    text_source: str = Field(
        "",
        max_length=200,
        description="Name of a text source that is updated while people speak; empty: closed captions of the stream.",
    )
    line_chars: int = Field(32, ge=8, le=200, description="Characters per line; closed captions hold at most 32.")
    lines: int = Field(3, ge=1, le=15, description="Number of lines.")
    max_age_s: float = Field(10, ge=1, le=3600, description="Closed captions older than this are not sent (s).")
    updates_s: float = Field(4, ge=0.5, le=20, description="text_source: maximum updates per second.")
    clear_s: float = Field(5, ge=0, le=3600, description="text_source: cleared after this much silence (s); 0: never.")


class ZoomSettings(TargetSettings):
    """Captions to a Zoom meeting; its host copies the address (Set up manual captioner, Copy the API token)."""

    url: SecretUrl = Field(
        NO_SECRET, description="That address. It is a secret: anyone who has it can send captions. Empty: off."
    )
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-zoom-url"))
    language: str = Field(
        "",
        pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
        description='Language code of Zoom, such as "en-US"; empty: that of the captions.',
    )
    max_age_s: float = Field(15, ge=1, le=3600, description="Captions older than this are not sent (s).")


class YoutubeSettings(TargetSettings):
    """Captions to a YouTube live stream, through its closed captions ingestion URL (POST captions to URL)."""

    url: SecretUrl = Field(NO_SECRET, description="That URL, without seq. It is a secret. Empty: off.")
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-youtube-url"))
    max_age_s: float = Field(30, ge=1, le=3600, description="Captions older than this are not sent (s).")


class WebhookSettings(TargetSettings):
    """Every final caption as a JSON POST request to your own server."""

    url: SecretUrl = Field(NO_SECRET, description="Where to send them; never shown or logged. Empty: off.")
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-webhook-url"))
    secret: SecretStr = Field(
        NO_SECRET, description="Key that signs each request (X-Streamstt-Signature); empty: not signed."
    )
    secret_file: str = Field("", description=SECRET_FILE_HELP.format("streamstt-webhook-secret"))
    keep: int = Field(
        5000,
        ge=1,
        le=100_000,
        description="Captions kept while the server cannot be reached; beyond, the oldest are dropped.",
    )


class OutputSettings(TargetSettings):
    """Final captions to programs on this machine, one line each."""

    stdout: Literal["", "text", "json"] = Field("", description="Format for standard output; empty: off.")
    pipe: str = Field("", description="Path of a named pipe, created if it does not exist; empty: off.")
    pipe_format: Literal["text", "json"] = Field("text", description="Format for the pipe.")
