"""Loads tokens from a file that the settings name, the service manager's credentials, or a file that it creates.

Each line of a token file has a role (``viewer``, ``speaker``, ``control``, ``all``) and a token, or a token alone,
which has all roles. Lines that begin with ``#`` are comments.
"""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from streamstt.config.loader import state_folder
from streamstt.config.secrets import credentials_folder
from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError
from streamstt.server.access import ALL_ROLES, Role, TokenSet, requires_token

ROLES = {"viewer": Role.VIEWER, "speaker": Role.SPEAKER, "control": Role.CONTROL, "all": ALL_ROLES}
TOKEN_PATTERN = re.compile(r"[A-Za-z0-9._~-]{16,256}")  # valid in an address and in a cookie without quoting
CREATED_ROLES = "viewer", "speaker", "all"
FILE_HEADER = "# Tokens of streamstt, one per line: ROLE TOKEN. Delete this file to get new ones.\n"


def load_tokens(settings: ServerSettings, environ: Mapping[str, str] | None = None) -> TokenSet | None:
    """Loads the tokens, and creates them at the first start; returns None if no token is required.

    Args:
        settings: The ``[server]`` section.
        environ: Environment; None: the process's.

    Raises:
        ConfigError: A file cannot be read or created, or has no valid token in it.
    """
    if not requires_token(settings.host, settings.require_token):
        return None
    environ = os.environ if environ is None else environ
    if settings.token_file:
        return _read_token_file(Path(settings.token_file).expanduser())
    if folder := credentials_folder(environ):
        token_set = _read_credentials(Path(folder))
        if token_set:
            return token_set
    path = default_token_file(environ)
    if not path.exists():
        _create_token_file(path)
    return _read_token_file(path)


def will_create_tokens(settings: ServerSettings, environ: Mapping[str, str] | None = None) -> bool:
    """Returns whether ``load_tokens`` would create tokens now."""
    environ = os.environ if environ is None else environ
    given = settings.token_file or ((d := credentials_folder(environ)) and _read_credentials(Path(d)))
    return (
        requires_token(settings.host, settings.require_token) and not given and not default_token_file(environ).exists()
    )


def default_token_file(environ: Mapping[str, str] | None = None) -> Path:
    """Returns the path of the file that is created if no other is configured."""
    return state_folder(os.environ if environ is None else environ) / "tokens"


def token_for(token_set: TokenSet, role: Role) -> str:
    """Returns the token with the fewest roles of those with this role; empty if none has it."""
    candidates = [(len(roles), token) for token, roles in token_set.tokens if role in roles]
    return min(candidates)[1] if candidates else ""


def guest_token(token_set: TokenSet | None) -> str:
    """Returns a token that only lets people read; empty if there is none: a guest must not get the owner's."""
    tokens = token_set.tokens if token_set else ()
    return next((token for token, roles in tokens if roles is Role.VIEWER), "")


def _create_token_file(path: Path) -> None:
    """Writes new tokens, unless another start does so at the same time: then its file is read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [f"{role} {secrets.token_urlsafe(24)}\n" for role in CREATED_ROLES]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join([FILE_HEADER, *lines]))
    except FileExistsError:
        pass
    except OSError as error:
        hint = "name another with server.token_file"
        raise ConfigError(f"cannot create the token file {path}: {error.strerror}; {hint}") from error


def _read_token_file(path: Path) -> TokenSet:
    tokens = _parse_tokens(_read_text(path), path)
    if not tokens:
        raise ConfigError(f"the token file {path} has no token in it; add lines such as: viewer TOKEN")
    return TokenSet(tuple(tokens), str(path))


def _read_credentials(folder: Path) -> TokenSet | None:
    """Reads ``streamstt-token`` (all roles), ``streamstt-viewer-token``, ..., stored by systemd's LoadCredential."""
    names = {"streamstt-token": ALL_ROLES, **{f"streamstt-{word}-token": role for word, role in ROLES.items()}}
    existing = [(folder / name, role) for name, role in names.items() if (folder / name).is_file()]
    tokens = [(_validate_token(_read_text(path).strip(), path), role) for path, role in existing]
    return TokenSet(tuple(tokens), str(folder)) if tokens else None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "set another with server.token_file; without it, one is created"
        raise ConfigError(f"cannot read the token file {path} ({error}): {hint}") from error


def _parse_tokens(text: str, path: Path) -> list[tuple[str, Role]]:
    tokens = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        role = ROLES.get(words[0].lower()) if len(words) == 2 else ALL_ROLES
        if role is None or len(words) > 2:
            raise ConfigError(
                f"{path}: a line is ROLE TOKEN, the roles are {', '.join(ROLES)}; not {words[0][:4]!r}..."
            )
        tokens.append((_validate_token(words[-1], path), role))
    return tokens


def _validate_token(token: str, path: Path) -> str:
    if not TOKEN_PATTERN.fullmatch(token):
        hint = "16 to 256 letters, digits or any of ._~-; make one with: openssl rand -hex 24"
        raise ConfigError(f"{path}: a token is too short, too long or has other characters; it needs {hint}")
    return token
