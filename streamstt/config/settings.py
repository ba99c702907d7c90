"""All settings, each declared once: name, default, limits, unit and help. The default file is generated from these.

Where values come from, and how errors are reported, is the job of ``loader``.
"""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from streamstt.config.base import Section, split_list
from streamstt.config.brokers import MqttSettings, NatsSettings, RedisSettings
from streamstt.config.colors import COLOR_PATTERN, check_color
from streamstt.config.compat import CompatSettings
from streamstt.config.outputs import ObsSettings, OutputSettings, WebhookSettings, YoutubeSettings, ZoomSettings
from streamstt.config.overlay import OverlaySettings
from streamstt.config.server import ServerSettings
from streamstt.config.urls import check_stream_url, public_address
from streamstt.config.words import WordsSettings

INPUTS = "mic, mic:NAME, mic:INDEX, monitor, monitor:NAME, file:PATH, url:ADDRESS, stdin, ws"


class SpeechSettings(Section):
    """How speech is detected, and when captions are updated and completed."""

    detector: Literal["silero", "webrtc"] = Field(
        "silero", description='Voice detector; "silero" distinguishes voices from noise, "webrtc" needs almost no CPU.'
    )
    vad_mode: int = Field(1, ge=0, le=3, description="webrtc: 0 accepts the most as speech, 3 the least.")
    silero_threshold: float = Field(0.05, gt=0, lt=1, description="silero: minimum probability of speech.")
    min_speech_ms: int = Field(100, ge=20, le=1000, description="Speech needed to start an utterance (ms).")
    pre_roll_ms: int = Field(
        400, ge=0, le=2000, description="Audio before the first speech that belongs to the utterance (ms)."
    )
    end_silence_ms: int = Field(
        600, ge=100, le=5000, description='Silence that ends an utterance (ms); twice after "the" or in a number.'
    )
    max_utterance_s: float = Field(20, ge=4, le=28, description="Longer speech is split at its best pause (s).")
    window_s: float = Field(10, ge=4, le=28, description="Maximum audio that an update decodes, where possible (s).")
    max_caption_s: float = Field(
        7,
        ge=2,
        le=28,
        description="Length of a caption (s) beyond which it does not wait for the end of a sentence or clause.",
    )
    first_update_ms: int = Field(600, ge=100, le=5000, description="Audio before the first partial caption (ms).")
    update_ms: int = Field(600, ge=100, le=5000, description="New audio between partial captions (ms).")
    hold_ms: int = Field(500, ge=0, le=3000, description="A word spoken more recently than this may still change (ms).")
    buffer_s: float = Field(
        120, ge=30, le=3600, description="Audio kept while the engine is behind; beyond, it is lost (s)."
    )
    no_speech: float = Field(0.6, ge=0, le=1, description="Above this no-speech probability, unsure text is dropped.")
    unsure_logprob: float = Field(-0.5, ge=-10, le=0, description="Mean log-probability below which text is unsure.")
    min_logprob: float = Field(-1.2, ge=-10, le=0, description="Mean log-probability below which text is dropped.")


class EngineSettings(Section):
    """The speech recognition engine."""

    model: str = Field(
        "auto",
        min_length=1,
        description='Short name, Hugging Face id, folder, or script:FILE (see: streamstt models); "auto": the largest '
        "that this machine carries live.",
    )
    language: str = Field("auto", pattern=r"^[a-z]{2,3}$|^auto$", description='Language code such as "en", or "auto".')
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description='"auto", "cpu" or "cuda".')
    kind: Literal["streaming", "reference"] = Field(
        "streaming", description="reference: transformers' own decoder on 30 s windows; exact and slow."
    )
    encoder: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="Number format of the encoder; auto: the fastest on this machine, measured."
    )
    decoder: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto", description="Number format of the decoder; auto: the fastest on this machine, measured."
    )
    vocabulary: tuple[str, ...] = Field(
        (), description='Names and terms to expect, such as ["Siobhan", "Kubernetes"], or one comma-separated string.'
    )
    second_look: bool = Field(
        True, description="Hear passages again when the engine is free, and correct their captions within 10 s."
    )
    threads: int = Field(0, ge=0, le=256, description="CPU threads of the engine; 0: what is best for live captions.")

    @property
    def looks_again(self) -> bool:
        """Whether there is a second look.

        A translation is phrased anew each time, and a script says the same. The reference engine has no small steps:
        live captions would wait.
        """
        can_look = self.task == "transcribe" and self.kind == "streaming" and not self.model.startswith("script:")
        return self.second_look and can_look

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Accepts one comma-separated string, as from the command line."""
        return split_list(value)


class TranscriptSettings(Section):
    """Final captions written to disk, readable by their owner only."""

    enabled: bool = Field(False, description="Keep transcripts; setting a folder enables them too.")
    folder: str = Field(
        "",
        description="Folder; empty: transcripts in $STATE_DIRECTORY (a service) or ~/.local/state/streamstt.",
    )
    split: Literal["day", "run", "none"] = Field(
        "day", description="When a new set of files is started; streamstt mark starts one at any time."
    )
    keep_days: int = Field(0, ge=0, le=36_500, description="Sets unchanged for longer are deleted (days); 0: never.")
    keep_mb: int = Field(
        0, ge=0, le=10**9, description="Beyond this total size the oldest sets are deleted (MB); 0: no limit."
    )

    @property
    def is_active(self) -> bool:
        """Whether transcripts are written."""
        return self.enabled or bool(self.folder)


class LogSettings(Section):
    """The daemon's log; captions are not logged unless enabled here."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum level that is logged.")
    format: Literal["auto", "human", "journal", "json"] = Field(
        "auto", description="Format; auto: journal if the log goes to the journal, else human."
    )
    text: bool = Field(
        False, description="Also log every final caption: anyone who can read the log can read what was said."
    )


class SourceSettings(Section):
    """An audio source; repeat the table for more."""

    input: str = Field("mic", description=f"One of: {INPUTS}.")
    name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="Name in captions (letters, digits, _, . and -); empty: derived from the input.",
    )
    label: str = Field("", max_length=64, description="Name that viewers see; empty: the name above.")
    color: str = Field(
        "",
        pattern=f"^$|{COLOR_PATTERN}",
        description="CSS color on the overlay; empty: chosen automatically.",
    )
    language: str = Field("", pattern=r"^([a-z]{2,3}|auto)?$", description="Overrides the engine's language.")
    channel: int = Field(
        0, ge=0, le=64, description="mic and monitor only: the channel to use; 0: the mean of all channels."
    )
    fallback: Literal["", "default"] = Field(
        "", description='mic and monitor only: "default" uses the default device while the named one is missing.'
    )
    wait: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="mic, monitor and url only: whether to wait for a device or stream that is missing at the start, "
        "or exit; "
        "auto: wait if a service manager started the daemon.",
    )
    rate: int = Field(16000, ge=8000, le=192_000, description="stdin only: sample rate of raw s16le mono audio (Hz).")
    fast: bool = Field(False, description="file only: as fast as the engine can, instead of in real time.")
    loop: bool = Field(False, description="file only: repeat the file forever.")
    track: int = Field(
        0, ge=0, le=999, description="file and url only: number of the audio track, from 1 on; 0: the default one."
    )

    @field_validator("input")
    @classmethod
    def _check_input(cls, value: str) -> str:
        kind, _, argument = value.partition(":")
        if kind not in {"mic", "monitor", "file", "url", "stdin", "ws"}:
            raise ValueError(f"unknown kind of source; the choices are {INPUTS}")
        if kind == "file" and not argument:
            raise ValueError("file needs a path, for example file:talk.flac")
        if kind == "url":
            check_stream_url(argument)
        if kind in {"stdin", "ws"} and argument:
            raise ValueError(f"{kind} takes no argument")
        return value

    @field_validator("color")
    @classmethod
    def _check_color(cls, value: str) -> str:
        return check_color(value)

    @model_validator(mode="before")
    @classmethod
    def _set_default_name(cls, data: object) -> object:
        """Derives a missing name from the kind and the last part of the argument."""
        if isinstance(data, dict) and not data.get("name"):
            kind, _, argument = str(data.get("input", "mic")).partition(":")
            # Of an address only the host: the name is public, and a path may be the key to a stream.
            last = public_address(argument).rpartition("//")[2] if kind == "url" else argument.rsplit("/", 1)[-1]
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", last).strip("-")
            data = {**data, "name": (f"{kind}-{stem}" if stem else kind)[:64]}
        return data

    @property
    def kind(self) -> str:
        """``mic``, ``monitor``, ``file``, ``url``, ``stdin`` or ``ws``."""
        return self.input.partition(":")[0]

    @property
    def argument(self) -> str:
        """What follows the kind: a device's name or index, a path, or an address."""
        return self.input.partition(":")[2]

    @property
    def title(self) -> str:
        """The name that viewers see: the label, or else the name."""
        return self.label or self.name


class Settings(Section):
    """All settings: the sections and the list of sources."""

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
        duplicates = sorted({n for n in names if names.count(n) > 1})
        if duplicates:
            raise ValueError(
                f"two sources are named {', '.join(duplicates)}: give each its own name (a [[source]] table in a file)"
            )
        if [s.kind for s in self.source].count("stdin") > 1:
            raise ValueError("only one source can read standard input")
        return self


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
