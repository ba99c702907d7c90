"""Which other programs' protocols are spoken beside our own."""

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
"""The setting that switches a path on."""


class CompatSettings(Section):
    """Protocols that existing clients speak; each is off until it is switched on."""

    vosk: bool = Field(False, description="WS /vosk, as vosk-server speaks it.")
    deepgram: bool = Field(False, description="WS /v1/listen, as Deepgram's clients speak it.")
    openai: bool = Field(
        False, description="WS /v1/realtime and POST /v1/audio/transcriptions, as OpenAI's clients speak it."
    )
    max_upload_mb: int = Field(
        100, ge=1, le=4000, description="A recording that is sent to be heard (MB); beyond, 413."
    )
    max_uploads: int = Field(4, ge=1, le=64, description="Recordings that are heard at once; beyond, 429.")
    wyoming: str = Field(
        "", description='Address for Home Assistant\'s Wyoming protocol, such as "127.0.0.1:10300"; empty: none.'
    )
    wyoming_open: bool = Field(
        False, description="Let wyoming be an address that others can reach: it has no tokens, and no TLS."
    )

    @field_validator("wyoming")
    @classmethod
    def _check_wyoming_address(cls, value: str) -> str:
        if value and not ((match := ADDRESS_PATTERN.fullmatch(value)) and int(match[3]) <= 65535):
            raise ValueError(f"{value!r} is no address; one looks like 127.0.0.1:10300")
        return value

    @model_validator(mode="after")
    def _require_loopback(self) -> Self:
        if self.wyoming and not self.wyoming_open and not LOOPBACK_PATTERN.fullmatch(self.wyoming_address[0]):
            raise ValueError(
                f"wyoming has no tokens: others could reach {self.wyoming}; take 127.0.0.1, or set wyoming_open = true"
            )
        return self

    @property
    def wyoming_address(self) -> tuple[str, int]:
        """Host and port; there is one if ``wyoming`` is set."""
        match = ADDRESS_PATTERN.fullmatch(self.wyoming)
        return (match[1] or match[2], int(match[3])) if match else ("", 0)
