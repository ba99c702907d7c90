"""Loads the settings from all layers and reports all mistakes at once.

In increasing precedence: defaults, /etc/streamstt/streamstt.toml, the user's streamstt.toml, environment variables
STREAMSTT_SECTION__KEY, the command line. A file named with ``--config`` replaces both files.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from streamstt.config.base import Section
from streamstt.config.secrets import redact_password
from streamstt.config.settings import SECTIONS, Settings, SourceSettings, TranscriptSettings
from streamstt.config.urls import public_input
from streamstt.errors import ConfigError

SYSTEM_FILE = Path("/etc/streamstt/streamstt.toml")
ENVIRONMENT_PREFIX = "STREAMSTT_"
NON_SETTING_VARIABLES = {"STREAMSTT_TOKEN"}  # an option of `streamstt listen` and `mark`, not a setting
TYPE_ERRORS = {  # pydantic's error types, by their part before "_type", "_parsing" or the like
    "int": "must be a whole number",
    "int_from": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list",
}
SettingKey = tuple[str, ...]  # ("server", "port"), or ("source",) for the whole list


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings with their origins.

    Attributes:
        settings: Settings in force.
        origins: "section.key" or "source" to the file, variable or option that set it; defaults are not listed.
    """

    settings: Settings
    origins: dict[str, str]


@dataclass(frozen=True, slots=True)
class RawValue:
    """A value before validation, and the file, variable or option that it comes from."""

    value: Any
    origin: str


def user_file() -> Path:
    """Returns the path of the user's configuration file (XDG)."""
    return Path(platformdirs.user_config_dir("streamstt")) / "streamstt.toml"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the folder for persistent state: the service manager's ``STATE_DIRECTORY``, or the user's (XDG)."""
    service_folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(service_folder or platformdirs.user_state_dir("streamstt"))


def transcript_folder(settings: TranscriptSettings) -> Path:
    """Returns the folder of the transcripts: the one in the settings, or the default in the state folder."""
    return Path(settings.folder).expanduser() if settings.folder else state_folder() / "transcripts"


def load(
    options: Iterable[tuple[str, str, Any]] = (),
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Loads the settings from all layers.

    Args:
        options: Command line options: (option as typed, "section.key" or "source", value).
        file: Read only this file, which must exist.
        environ: Environment; None: that of the process.

    Raises:
        ConfigError: The settings are wrong; the message has one line for each mistake.
    """
    values: dict[SettingKey, RawValue] = {}
    mistakes: list[str] = []
    for path in [file] if file else [p for p in (SYSTEM_FILE, user_file()) if p.exists()]:
        values |= _read_file(path, mistakes)
    values |= _read_environ(os.environ if environ is None else environ)
    for option, key, value in options:
        values[tuple(key.split("."))] = RawValue(value, option)
    return _validate(values, mistakes)


def settings_from_mapping(values: Mapping[str, Any]) -> Settings:
    """Makes settings from the given values and the defaults only.

    Args:
        values: "section.key" or "source" to value.

    Raises:
        ConfigError: The settings are wrong; the message has one line for each mistake.
    """
    return _validate({tuple(key.split(".")): RawValue(value, "given") for key, value in values.items()}, []).settings


def _read_file(path: Path, mistakes: list[str]) -> dict[SettingKey, RawValue]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except FileNotFoundError as error:
        hint = "streamstt config default prints one to start from"
        raise ConfigError(f"configuration file {path} not found; {hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read configuration file {path}: {error}; it must be a text file (UTF-8)") from error
    values: dict[SettingKey, RawValue] = {}
    for name, content in data.items():
        if name == "source" or name not in SECTIONS:
            values[name,] = RawValue(content, str(path))
        elif isinstance(content, dict):
            values |= {(name, key): RawValue(value, str(path)) for key, value in content.items()}
        else:
            shown = "" if _is_secret([name, ""]) else f" = {content!r}"
            mistakes.append(f"{name}{shown} ({path}): {name} is a section; write [{name}] and its settings below")
    return values


def _read_environ(environ: Mapping[str, str]) -> dict[SettingKey, RawValue]:
    values: dict[SettingKey, RawValue] = {}
    for variable in sorted(v for v in environ if v.startswith(ENVIRONMENT_PREFIX) and v not in NON_SETTING_VARIABLES):
        key = tuple(variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        value: Any = environ[variable]
        if key == ("source",):
            value = [{"input": part} for part in value.split()]
        values[key] = RawValue(value, variable)
    return values


def _validate(values: Mapping[SettingKey, RawValue], mistakes: list[str]) -> LoadedSettings:
    tree: dict[str, Any] = {}
    for key, given in values.items():
        if key[0] in SECTIONS and len(key) > 1:
            tree.setdefault(key[0], {})["__".join(key[1:])] = given.value
        elif key == ("source",):
            tree["source"] = given.value
        else:
            mistakes.append(f"{'.'.join(key)} ({given.origin}): unknown setting{_suggestion(key)}")
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        mistakes += [redact_password(_describe_error(detail, values)) for detail in error.errors()]
    if mistakes:
        noun = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise ConfigError("\n  ".join([f"the configuration has {noun}:", *mistakes]))
    return LoadedSettings(settings, {".".join(key): given.origin for key, given in values.items()})


def _describe_error(detail: ErrorDetails, values: Mapping[SettingKey, RawValue]) -> str:
    """Describes a validation error in one line: setting, value, origin, what is wrong, and what was probably meant."""
    where = [str(part) for part in detail["loc"]]
    given = values.get(tuple(where[:2])) or values.get(tuple(where[:1]))
    origin = f" ({given.origin})" if given else ""
    name = ".".join(where) or "settings"
    value = public_input(detail["input"]) if isinstance(detail["input"], str) else detail["input"]
    shown = f" = {value!r}" if isinstance(value, str | int | float | bool) else ""
    shown = "" if _is_secret(where) else shown
    if detail["type"] == "extra_forbidden":
        return f"{name}{shown}{origin}: unknown setting{_suggestion(tuple(where))}"
    if detail["type"] == "string_pattern_mismatch":
        return f"{name}{shown}{origin}: invalid; expected: {_help_text(where)}"
    text = detail["msg"].removeprefix("Value error, ")
    text = TYPE_ERRORS.get(detail["type"].rpartition("_")[0], re.sub(r"^[A-Z]\w+ should ", "must ", text))
    return f"{name}{shown}{origin}: {text[0].lower()}{text[1:]}"


def _help_text(where: list[str]) -> str:
    """Returns the description of a setting, or an empty string."""
    section: type[Section] | None = SourceSettings if where[0] == "source" else SECTIONS.get(where[0])
    field = section.model_fields.get(where[-1]) if section else None
    return (field.description or "") if field else ""


def _is_secret(where: list[str]) -> bool:
    """Returns whether a value may be secret: an unknown key in a section with a secret may be that key misspelled."""
    section = SECTIONS.get(where[0]) if where else None
    if section is None:
        return False
    field = section.model_fields.get(where[-1])
    return SecretStr in {f.annotation for f in ([field] if field else section.model_fields.values())}


def _suggestion(key: SettingKey) -> str:
    """Returns the end of a message: the setting that was probably meant, or the choices."""
    name = ".".join(p for p in key if not p.isdigit())
    if name in SECTIONS:
        return f": this is a section; write {name}.KEY, the choices are {', '.join(SECTIONS[name].model_fields)}"
    if key[0] == "source" and name.removeprefix("source.") in SourceSettings.model_fields:
        return "; sources are a list: use --source, or [[source]] tables in a file"
    known = [f"{s}.{k}" for s, model in SECTIONS.items() for k in model.model_fields]
    known += [f"source.{k}" for k in SourceSettings.model_fields]
    near = difflib.get_close_matches(name, [*SECTIONS, "source"], n=1, cutoff=0.8)
    near = near or [k for k in known if k.split(".")[-1] == key[-1]][:1]  # the right key in the wrong section
    near = near or difflib.get_close_matches(name, [*known, *SECTIONS, "source"], n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]}?"
    fields = [k for k in known if k.startswith(f"{key[0]}.")] or [*SECTIONS, "source"]
    return f"; the choices are {', '.join(fields)}"
