"""Renders settings as TOML: those in force with their origins, and the annotated default file."""

import json
from collections.abc import Iterable

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from streamstt.config.base import Section
from streamstt.config.loader import LoadedSettings
from streamstt.config.settings import SECTIONS, SourceSettings
from streamstt.config.urls import public_input

DEFAULT_ORIGIN = "default"
HIDDEN_VALUE = "(hidden)"  # shown in place of a secret


def toml_value(value: object) -> str:
    """Formats a value as TOML; a secret is hidden, an empty one is shown as empty."""
    if isinstance(value, SecretStr):
        return f'"{HIDDEN_VALUE}"' if value.get_secret_value() else '""'
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}"
    return json.dumps(value, ensure_ascii=False)


def effective_toml(loaded: LoadedSettings) -> list[str]:
    """Returns TOML lines: each setting in force, with its origin as a comment."""
    lines = []
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for key, value in getattr(loaded.settings, section).model_dump().items():
            lines.append(f"{key} = {toml_value(value)}  # {loaded.origins.get(f'{section}.{key}', DEFAULT_ORIGIN)}")
        lines.append("")
    origin = loaded.origins.get("source", DEFAULT_ORIGIN)
    for source in loaded.settings.source:
        lines += [f"[[source]]  # {origin}", *(f"{k} = {toml_value(v)}" for k, v in _shown(source).items()), ""]
    return lines


def _shown(source: SourceSettings) -> dict[str, object]:
    return source.model_dump() | {"input": public_input(source.input)}


def default_file() -> str:
    """Returns the annotated default configuration, which config/streamstt.toml contains."""
    lines = [
        "# streamstt: all settings and their defaults. Copy the ones that you change to",
        "# ~/.config/streamstt/streamstt.toml (for one user) or /etc/streamstt/streamstt.toml (for all users).",
        "# An environment variable STREAMSTT_SECTION__KEY or a command line option overrides the file.",
    ]
    tables: dict[str, type[Section]] = {**SECTIONS, "source": SourceSettings}
    for name, model in tables.items():
        header = f"[[{name}]]" if model is SourceSettings else f"[{name}]"
        lines += ["", f"# {(model.__doc__ or '').strip().splitlines()[0]}", header]
        for key, field in model.model_fields.items():
            default = "" if field.default is PydanticUndefined else field.default
            lines += [f"# {field.description}{_format_limits(field.metadata)}", f"{key} = {toml_value(default)}"]
    return "\n".join(lines) + "\n"


def _format_limits(metadata: Iterable[object]) -> str:
    low = next((m.ge for m in metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in metadata if hasattr(m, "le")), None)
    return "" if low is None or high is None else f" {low} to {high}."
