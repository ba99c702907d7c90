"""Where tokens come from: a file that the settings name, the service manager's credentials, or a file of our own.

A token file has a token a line with its role before it (``viewer``, ``speaker``, ``control``, ``all``), or one token
alone, which allows all. Lines that begin with ``#`` are comments.
"""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from streamstt.config.loader import state_folder
from streamstt.config.server import Server
from streamstt.errors import ConfigError
from streamstt.server.access import ALL, Keys, Role, demands_token

ROLES = {"viewer": Role.VIEWER, "speaker": Role.SPEAKER, "control": Role.CONTROL, "all": ALL}
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")  # can stand in an address and in a cookie as it is
MADE = "viewer", "speaker", "all"
HEADER = "# Tokens of streamstt, one a line: ROLE TOKEN. Delete this file for new ones.\n"


def load_keys(settings: Server, environ: Mapping[str, str] | None = None) -> Keys | None:
    """The tokens that are accepted; None if nobody needs one. Makes them at the first start.

    Args:
        settings: The ``[server]`` section.
        environ: In place of the process's environment.

    Raises:
        ConfigError: A file cannot be read or made, or has no good token in it.
    """
    if not demands_token(settings.host, settings.require_token):
        return None
    environ = os.environ if environ is None else environ
    if settings.token_file:
        return _read(Path(settings.token_file).expanduser())
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        keys = _credentials(Path(folder))
        if keys:
            return keys
    own = own_file(environ)
    if not own.exists():
        _make(own)
    return _read(own)


def first_start(settings: Server, environ: Mapping[str, str] | None = None) -> bool:
    """Whether ``load_keys`` would make new tokens now."""
    environ = os.environ if environ is None else environ
    given = settings.token_file or ((d := environ.get("CREDENTIALS_DIRECTORY")) and _credentials(Path(d)))
    return demands_token(settings.host, settings.require_token) and not given and not own_file(environ).exists()


def own_file(environ: Mapping[str, str] | None = None) -> Path:
    """The file that is made when no other is given."""
    return state_folder(os.environ if environ is None else environ) / "tokens"


def token_for(keys: Keys, role: Role) -> str:
    """The token that allows least of those that allow this; empty if none does."""
    fit = [(len(roles), token) for token, roles in keys.tokens if role in roles]
    return min(fit)[1] if fit else ""


def _make(path: Path) -> None:
    """Writes new tokens; another start at the same time may win, and is then read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [f"{role} {secrets.token_urlsafe(24)}\n" for role in MADE]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join([HEADER, *lines]))
    except FileExistsError:
        pass
    except OSError as error:
        hint = "name another with server.token_file"
        raise ConfigError(f"cannot make the token file {path}: {error.strerror}; {hint}") from error


def _read(path: Path) -> Keys:
    found = _parse(_text(path), path)
    if not found:
        raise ConfigError(f"the token file {path} has no token in it; write: viewer TOKEN, a line for each")
    return Keys(tuple(found), str(path))


def _credentials(folder: Path) -> Keys | None:
    """``streamstt-token`` (all roles), ``streamstt-viewer-token``, ..., as systemd's LoadCredential puts them."""
    names = {"streamstt-token": ALL, **{f"streamstt-{word}-token": role for word, role in ROLES.items()}}
    there = [(folder / name, role) for name, role in names.items() if (folder / name).is_file()]
    tokens = [(_one(_text(path).strip(), path), role) for path, role in there]
    return Keys(tuple(tokens), str(folder)) if tokens else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "server.token_file names another; without it one is made"
        raise ConfigError(f"cannot read the token file {path} ({error}): {hint}") from error


def _parse(text: str, path: Path) -> list[tuple[str, Role]]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        role = ROLES.get(words[0].lower()) if len(words) == 2 else ALL
        if role is None or len(words) > 2:
            raise ConfigError(
                f"{path}: a line is ROLE TOKEN, the roles are {', '.join(ROLES)}; not {words[0][:4]!r}..."
            )
        found.append((_one(words[-1], path), role))
    return found


def _one(token: str, path: Path) -> str:
    if not TOKEN.fullmatch(token):
        hint = "16 to 256 letters, digits or any of ._~-; make one with: openssl rand -hex 24"
        raise ConfigError(f"{path}: a token is too short, too long or has other characters; it needs {hint}")
    return token
