"""Settings of the third-party protocols that the daemon serves."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from streamstt.config.base import Section

ADDRESS_PATTERN = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})")
LOOPBACK_PATTERN = re.compile(r"localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1")

SETTING_BY_PATH = {
    "/vosk": "compat.vosk",
    "/v1/listen": "compat.deepgram",
    "/v1/realtime": "compat.openai",
    "/v1/audio/transcriptions": "compat.openai",
    "/v1/models": "compat.openai",
}
"""Path of a third-party protocol to the setting that enables it."""


class CompatSettings(Section):
    """Third-party protocols for existing clients; all are off by default."""

    vosk: bool = Field(False, description="WS /vosk, the protocol of vosk-server.")
    deepgram: bool = Field(False, description="WS /v1/listen, the protocol of Deepgram's clients.")
    openai: bool = Field(
        False, description="WS /v1/realtime and POST /v1/audio/transcriptions, the protocol of OpenAI's clients."
    )
    max_upload_mb: int = Field(
        100, ge=1, le=4000, description="Maximum size of an uploaded recording (MB); beyond, status 413."
    )
    max_uploads: int = Field(
        4, ge=1, le=64, description="Uploads that are transcribed at the same time; beyond, status 429."
    )
    wyoming: str = Field(
        "", description='Address for Home Assistant\'s Wyoming protocol, such as "127.0.0.1:10300"; empty: off.'
    )
    wyoming_open: bool = Field(
        False, description="Allow a wyoming address that other machines can reach: it has neither tokens nor TLS."
    )

    @field_validator("wyoming")
    @classmethod
    def _check_wyoming_address(cls, value: str) -> str:
        if value and not ((match := ADDRESS_PATTERN.fullmatch(value)) and int(match[3]) <= 65535):
            raise ValueError("invalid address; expected for example 127.0.0.1:10300")
        return value

    @model_validator(mode="after")
    def _require_loopback(self) -> Self:
        if self.wyoming and not self.wyoming_open and not LOOPBACK_PATTERN.fullmatch(self.wyoming_address[0]):
            raise ValueError(
                f"wyoming has no tokens, and other machines can reach {self.wyoming}: "
                "use 127.0.0.1, or set wyoming_open = true"
            )
        return self

    @property
    def wyoming_address(self) -> tuple[str, int]:
        """Host and port of ``wyoming``; ``("", 0)`` if it is not set."""
        match = ADDRESS_PATTERN.fullmatch(self.wyoming)
        return (match[1] or match[2], int(match[3])) if match else ("", 0)
