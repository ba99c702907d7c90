"""Reads secrets from a file that a setting names, or from a credential of systemd."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from streamstt.errors import ConfigError


def credentials_folder(environ: Mapping[str, str] | None = None) -> str:
    """Returns the folder of the service's credentials (systemd's ``CREDENTIALS_DIRECTORY``); empty if there is none.

    Args:
        environ: Environment; None: that of the process.
    """
    return (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY", "")


def read_secret(setting: str, file: str, credential: str, environ: Mapping[str, str] | None = None) -> str:
    """Reads a secret.

    Args:
        setting: Name of the setting that names the file, for messages.
        file: Value of that setting; empty: use the credential.
        credential: Name of the credential (systemd's ``LoadCredential=``).
        environ: Environment; None: that of the process.

    Returns:
        The secret without surrounding white space; empty if there is none.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    folder = credentials_folder(environ)
    credential_path = Path(folder) / credential
    path = Path(file).expanduser() if file else credential_path
    if not file and not (folder and credential_path.is_file()):
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the secret in {path} ({setting}): {error}") from error
    if not secret:
        raise ConfigError(f"the file {path} ({setting}) is empty; it must contain the secret and nothing else")
    return secret


def redact_password(text: str) -> str:
    """Replaces the passwords in URLs such as ``redis://me:secret@host`` by ``***``."""
    return re.sub(r"(://[^/@:\s]*:)[^@\s]*@", r"\1***@", text)
