"""Every setting, declared once: name, default, limits, unit and help. The default file is generated from this.

Where values come from, and how mistakes are reported, is ``config_layers``'s business.
"""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from streamstt.config.base import Section, split_list
from streamstt.config.brokers import MqttSettings, NatsSettings, RedisSettings
from streamstt.config.compat import CompatSettings
from streamstt.config.outputs import ObsSettings, OutputSettings, WebhookSettings, YoutubeSettings, ZoomSettings
from streamstt.config.overlay import COLOR_PATTERN, OverlaySettings
from streamstt.config.server import ServerSettings
from streamstt.config.words import WordsSettings

INPUTS = "mic, mic:NAME, mic:INDEX, monitor, monitor:NAME, file:PATH, stdin, ws"


class SpeechSettings(Section):
    """How speech is found in the audio, and when captions are updated and finished."""

    detector: Literal["silero", "webrtc"] = Field(
        "silero", description='Voice detector; "silero" tells voices from noise, "webrtc" costs next to nothing.'
    )
    vad_mode: int = Field(1, ge=0, le=3, description="webrtc: 0 lets most through, 3 is the strictest.")
    silero_threshold: float = Field(0.05, gt=0, lt=1, description="silero: probability from which it is speech.")
    min_speech_ms: int = Field(100, ge=20, le=1000, description="Speech needed to open an utterance (ms).")
    pre_roll_ms: int = Field(400, ge=0, le=2000, description="Audio kept before the first speech (ms).")
    end_silence_ms: int = Field(600, ge=100, le=5000, description="Silence that ends an utterance (ms).")
    max_utterance_s: float = Field(20, ge=4, le=28, description="Longer speech is cut at its best pause (s).")
    window_s: float = Field(10, ge=4, le=28, description="Audio that an update listens to at most, where it can (s).")
    max_caption_s: float = Field(7, ge=2, le=28, description="A caption is final at the latest at this length (s).")
    first_update_ms: int = Field(600, ge=100, le=5000, description="Audio before the first partial caption (ms).")
    update_ms: int = Field(600, ge=100, le=5000, description="New audio between partial captions (ms).")
    hold_ms: int = Field(500, ge=0, le=3000, description="A word said less long ago may still change (ms).")
    buffer_s: float = Field(120, ge=30, le=3600, description="Audio kept while the engine is behind; then lost (s).")
    no_speech: float = Field(
        0.6, ge=0, le=1, description="Above this no-speech probability, text that is not sure is dropped."
    )
    unsure_logprob: float = Field(-0.5, ge=-10, le=0, description="Mean log-probability below which text is not sure.")
    min_logprob: float = Field(-1.2, ge=-10, le=0, description="Mean log-probability below which text is dropped.")


class EngineSettings(Section):
    """What turns speech into text."""

    model: str = Field(
        "base",
        min_length=1,
        description="Short name, Hugging Face id, folder, or script:FILE (see: streamstt models).",
    )
    language: str = Field("auto", pattern=r"^[a-z]{2,3}$|^auto$", description='Language code such as "en", or "auto".')
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description='"auto", "cpu" or "cuda".')
    kind: Literal["streaming", "reference"] = Field(
        "streaming", description="reference: transformers' own decoder on 30 s windows; exact and slow."
    )
    encoder: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="Number format of the encoder; auto: measured on this machine."
    )
    decoder: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="Number format of the decoder; auto: measured on this machine."
    )
    vocabulary: tuple[str, ...] = Field(
        (), description='Names and terms to expect, such as ["Siobhan", "Kubernetes"], or one string with commas.'
    )
    threads: int = Field(0, ge=0, le=256, description="Processor threads of the engine; 0: what serves captions best.")

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """One string, as from the command line, is a list with commas."""
        return split_list(value)


class TranscriptSettings(Section):
    """Writing final captions to disk, for their owner only."""

    enabled: bool = Field(False, description="Keep transcripts; naming a folder switches them on as well.")
    folder: str = Field(
        "",
        description="Where; empty: transcripts in $STATE_DIRECTORY (a service) or ~/.local/state/streamstt.",
    )
    split: Literal["day", "run", "none"] = Field(
        "day", description="When a new set of files begins by itself; streamstt mark begins one at any time."
    )
    keep_days: int = Field(0, ge=0, le=36_500, description="Sets unchanged for longer are deleted (days); 0: none is.")
    keep_mb: int = Field(0, ge=0, le=10**9, description="The oldest sets beyond this are deleted (MB); 0: none is.")

    @property
    def is_active(self) -> bool:
        """Whether transcripts are kept."""
        return self.enabled or bool(self.folder)


class LogSettings(Section):
    """What the daemon says of itself; never what was spoken, unless asked."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    format: Literal["auto", "human", "journal", "json"] = Field(
        "auto", description="How it looks; auto: for the journal when it goes there, else for people."
    )
    text: bool = Field(False, description="Log every final caption as well: whoever reads the log reads what was said.")


class SourceSettings(Section):
    """One audio source; repeat the table for more."""

    input: str = Field("mic", description=f"One of: {INPUTS}.")
    name: str = Field(
        "", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="Name in captions; empty: made from the input."
    )
    label: str = Field("", max_length=64, description="What viewers see; empty: the name.")
    color: str = Field("", pattern=f"^$|{COLOR_PATTERN}", description="Its colour on the pages; empty: one is chosen.")
    language: str = Field("", pattern=r"^([a-z]{2,3}|auto)?$", description="Overrides the engine's language.")
    channel: int = Field(
        0, ge=0, le=64, description="mic and monitor only: the channel to listen to; 0: the mean of all."
    )
    fallback: Literal["", "default"] = Field(
        "", description='mic and monitor only: "default" takes the default device while the named one is not there.'
    )
    wait: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="mic and monitor only: a device that is not there at the start is waited for, or ends the daemon; "
        "auto: waited for when a service manager starts it.",
    )
    rate: int = Field(16000, ge=8000, le=192_000, description="stdin only: sample rate of the s16le mono audio (Hz).")
    fast: bool = Field(False, description="file only: as fast as the engine can, not in real time.")
    loop: bool = Field(False, description="file only: from the start again when it ends.")

    @field_validator("input")
    @classmethod
    def _check_input(cls, value: str) -> str:
        kind, _, argument = value.partition(":")
        if kind not in {"mic", "monitor", "file", "stdin", "ws"}:
            raise ValueError(f"unknown kind of source; the choices are {INPUTS}")
        if kind == "file" and not argument:
            raise ValueError("file needs a path, as in file:talk.flac")
        if kind in {"stdin", "ws"} and argument:
            raise ValueError(f"{kind} takes nothing after it")
        return value

    @model_validator(mode="before")
    @classmethod
    def _set_default_name(cls, data: object) -> object:
        """Makes the name from the kind and the last part of the argument when there is none."""
        if isinstance(data, dict) and not data.get("name"):
            kind, _, argument = str(data.get("input", "mic")).partition(":")
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", argument.rsplit("/", 1)[-1]).strip("-")
            data = {**data, "name": (f"{kind}-{stem}" if stem else kind)[:64]}
        return data

    @property
    def kind(self) -> str:
        """``mic``, ``monitor``, ``file``, ``stdin`` or ``ws``."""
        return self.input.partition(":")[0]

    @property
    def argument(self) -> str:
        """What follows the kind: a device's name or index, or a path."""
        return self.input.partition(":")[2]

    @property
    def title(self) -> str:
        """What viewers see."""
        return self.label or self.name


class Settings(Section):
    """All settings in force."""

    server: ServerSettings = ServerSettings()
    speech: SpeechSettings = SpeechSettings()
    engine: EngineSettings = EngineSettings()
    words: WordsSettings = WordsSettings()
    transcript: TranscriptSettings = TranscriptSettings()
    compat: CompatSettings = CompatSettings()
    overlay: OverlaySettings = OverlaySettings()
    obs: ObsSettings = ObsSettings()
    zoom: ZoomSettings = ZoomSettings()
    youtube: YoutubeSettings = YoutubeSettings()
    webhook: WebhookSettings = WebhookSettings()
    output: OutputSettings = OutputSettings()
    mqtt: MqttSettings = MqttSettings()
    redis: RedisSettings = RedisSettings()
    nats: NatsSettings = NatsSettings()
    log: LogSettings = LogSettings()
    source: tuple[SourceSettings, ...] = (SourceSettings(),)

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        names = [s.name for s in self.source]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"two sources are named {', '.join(twice)}: give each its own name")
        if [s.kind for s in self.source].count("stdin") > 1:
            raise ValueError("standard input can be one source only")
        return self


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
