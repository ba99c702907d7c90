"""Where captions go besides viewers. Each place is off until it has its address."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from streamstt.config.base import Section, split_list


def _url_validator(*schemes: str) -> AfterValidator:
    """A check that a text is an address of one of the schemes; what it says never names the value."""

    def check(value: str | SecretStr) -> str | SecretStr:
        text = value if isinstance(value, str) else value.get_secret_value()
        if text:
            check_url(text, *schemes)
        return value

    return AfterValidator(check)


def check_url(text: str, *schemes: str) -> None:
    """Checks an address, which may be a secret.

    Raises:
        ValueError: It is none of these schemes, or has a name or password before its host; the text is not told.
    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good or any(c.isspace() for c in text):
        kinds = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"is no address that begins with {kinds} and has a host, and no user or password in it")


WebSocketUrl = Annotated[str, _url_validator("ws", "wss")]
SecretUrl = Annotated[SecretStr, _url_validator("https", "http")]
NO_SECRET = SecretStr("")
SOURCES_HELP = "Names of the sources whose captions go there; empty: all."
URL_FILE_HELP = "File with the address alone, read anew at each connection; or the credential {} of systemd."
SECRET_FILE_HELP = "File with it alone; or the credential {} of systemd."  # noqa: S105 - a help text


class TargetSettings(Section):
    """What the sections below have in common."""

    sources: tuple[str, ...] = Field((), description=SOURCES_HELP)

    @field_validator("sources", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """One string, as from the command line, is a list with commas."""
        return split_list(value)


class ObsSettings(TargetSettings):
    """Captions to OBS Studio, through its WebSocket server (Tools, WebSocket Server Settings)."""

    url: WebSocketUrl = Field("", description='Such as "ws://127.0.0.1:4455"; empty: not to OBS.')
    password: SecretStr = Field(NO_SECRET, description="Of OBS's WebSocket server.")
    password_file: str = Field("", description=SECRET_FILE_HELP.format("streamstt-obs-password"))
    text_source: str = Field(
        "",
        max_length=200,
        description="Name of a text source to write into, as people speak; empty: closed captions of the stream.",
    )
    line_chars: int = Field(32, ge=8, le=200, description="Characters of a line; closed captions take 32 at most.")
    lines: int = Field(3, ge=1, le=15, description="Lines at once.")
    max_age_s: float = Field(10, ge=1, le=3600, description="Older closed captions are not shown any more (s).")
    updates_s: float = Field(4, ge=0.5, le=20, description="text_source: at most so many updates a second.")
    clear_s: float = Field(5, ge=0, le=3600, description="text_source: emptied after so much silence (s); 0: never.")


class ZoomSettings(TargetSettings):
    """Captions to a Zoom meeting, by the address that its host copies (Set up manual captioner, Copy the API token)."""

    url: SecretUrl = Field(
        NO_SECRET, description="That address: whoever has it can write captions. Empty: not to Zoom."
    )
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-zoom-url"))
    language: str = Field(
        "",
        pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
        description='As Zoom names it, such as "en-US"; empty: from the captions.',
    )
    max_age_s: float = Field(15, ge=1, le=3600, description="Older captions are not sent any more (s).")


class YoutubeSettings(TargetSettings):
    """Captions to a YouTube live stream, by its closed captions ingestion URL (POST captions to URL)."""

    url: SecretUrl = Field(NO_SECRET, description="That address, without seq: it is a secret. Empty: not to YouTube.")
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-youtube-url"))
    max_age_s: float = Field(30, ge=1, le=3600, description="Older captions are not sent any more (s).")


class WebhookSettings(TargetSettings):
    """Every final caption as a POST of JSON to an address of yours."""

    url: SecretUrl = Field(NO_SECRET, description="Where to; it is kept secret. Empty: nowhere.")
    url_file: str = Field("", description=URL_FILE_HELP.format("streamstt-webhook-url"))
    secret: SecretStr = Field(NO_SECRET, description="Signs each POST (X-Streamstt-Signature); empty: none is signed.")
    secret_file: str = Field("", description=SECRET_FILE_HELP.format("streamstt-webhook-secret"))
    keep: int = Field(5000, ge=1, le=100_000, description="Captions kept while it is away; then the oldest are lost.")


class OutputSettings(TargetSettings):
    """Final captions to programs on this machine, a line each."""

    stdout: Literal["", "text", "json"] = Field("", description="To standard output; empty: not.")
    pipe: str = Field("", description="Path of a named pipe, made if it is not there; empty: none.")
    pipe_format: Literal["text", "json"] = Field("text", description="What goes into the pipe.")
