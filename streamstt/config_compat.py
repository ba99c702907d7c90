"""Which other programs' protocols are spoken beside our own."""

from pydantic import Field

from streamstt.config_section import Section


class Compat(Section):
    """Protocols that existing clients speak; each is off until it is switched on."""

    vosk: bool = Field(False, description="WS /vosk, as vosk-server speaks it.")
    deepgram: bool = Field(False, description="WS /v1/listen, as Deepgram's clients speak it.")
    openai: bool = Field(
        False, description="WS /v1/realtime and POST /v1/audio/transcriptions, as OpenAI's clients speak it."
    )
