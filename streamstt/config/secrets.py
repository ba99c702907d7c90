"""Passwords and the like: from a file that a setting names, or from the service manager; never a setting themselves."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from streamstt.errors import ConfigError


def read_secret(setting: str, file: str, credential: str, environ: Mapping[str, str] | None = None) -> str:
    """A secret, without the white space around it; empty if none is given.

    Args:
        setting: Name of the setting that names the file, for messages.
        file: What it says; empty: the credential is looked for.
        credential: Name under which systemd's ``LoadCredential=`` puts it.
        environ: In place of the process's environment.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    environ = os.environ if environ is None else environ
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    given = Path(folder) / credential
    path = Path(file).expanduser() if file else given
    if not file and not (folder and given.is_file()):
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the secret in {path} ({setting}): {error}") from error
    if not secret:
        raise ConfigError(f"the file {path} ({setting}) is empty; write the secret into it, and nothing else")
    return secret


def redact_password(text: str) -> str:
    """A text for people, in which addresses such as ``redis://me:secret@host`` have no password any more."""
    return re.sub(r"(://[^/@:\s]*:)[^@\s]*@", r"\1***@", text)
