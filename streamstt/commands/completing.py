"""What a shell completes values with. Asked at the press of a key: quick, silent, and never a reason to fail."""

from contextlib import suppress

from streamstt.audio.devices.recorder_process import list_devices
from streamstt.config.settings import SECTIONS
from streamstt.errors import SourceError
from streamstt.terminal.devices import WHAT, source_of
from streamstt.whisper.checkpoints.names import LANGUAGES, REPOSITORIES

Values = list[tuple[str, str]]
"""What may be typed, and what it is."""

KINDS = [
    ("mic", "the default microphone"),
    ("monitor", "what the default output plays"),
    ("file:", "a recording"),
    ("stdin", "raw audio from a pipe"),
    ("ws", "remote clients only"),
]


def sources(incomplete: str) -> Values:
    """Kinds of sources, and the devices there are."""
    values = list(KINDS)
    if incomplete.startswith(("mic", "monitor")):
        with suppress(SourceError):  # the daemon will say why
            values += [(source_of(device), f"{WHAT[device.kind]}: {device.title}") for device in list_devices()]
    return _beginning(values, incomplete)


def models(incomplete: str) -> Values:
    """Short names."""
    return _beginning(list(REPOSITORIES.items()), incomplete)


def languages(incomplete: str) -> Values:
    """Codes, and ``auto``."""
    return _beginning([("auto", "detect it"), *((code, "") for code in LANGUAGES.split())], incomplete)


def settings(incomplete: str) -> Values:
    """Names of settings, up to the equals sign."""
    named = [
        (f"{section}.{key}=", field.description or "")
        for section, model in SECTIONS.items()
        for key, field in model.model_fields.items()
    ]
    return _beginning(named, incomplete)


def _beginning(values: Values, incomplete: str) -> Values:
    return [(value, text) for value, text in values if value.startswith(incomplete)]
