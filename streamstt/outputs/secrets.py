"""Secrets of targets: from the settings, a file, or a credential of the service manager."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from streamstt.concurrency import run_in_thread
from streamstt.config.secrets import read_secret
from streamstt.config.urls import check_url
from streamstt.errors import ConfigError
from streamstt.outputs.base import TargetUnavailable


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where to find a secret.

    Attributes:
        setting: Name of the setting, such as ``obs.password``; the credential is then ``streamstt-obs-password``.
        value: The secret, if the settings contain it; else empty.
        file: Name of the file that contains it; empty: none.
    """

    setting: str
    value: SecretStr = field(repr=False)
    file: str

    @property
    def credential_name(self) -> str:
        """Name of the credential (systemd's ``LoadCredential=``)."""
        return "streamstt-" + self.setting.replace(".", "-").replace("_", "-")

    def is_set(self, credentials_folder: str) -> bool:
        """Returns whether there is a secret.

        Args:
            credentials_folder: Folder of systemd's credentials; empty: none.
        """
        configured = self.value.get_secret_value() or self.file
        return bool(configured or (credentials_folder and (Path(credentials_folder) / self.credential_name).is_file()))

    async def read(self) -> str:
        """Returns the present secret; empty if there is none.

        Raises:
            TargetUnavailable: Its file cannot be read, or is empty; it may be written later.
        """
        if value := self.value.get_secret_value():
            return value
        try:
            return await run_in_thread(read_secret, f"{self.setting}_file", self.file, self.credential_name)
        except ConfigError as error:
            raise TargetUnavailable(str(error)) from error

    async def read_url(self) -> str:
        """Returns the present secret, which is an HTTP URL.

        Raises:
            TargetUnavailable: There is none, or it is not a valid URL.
        """
        text = await self.read()
        try:
            check_url(text, "https", "http")
        except ValueError as error:
            raise TargetUnavailable(f"{self.setting}_file: {error}") from error
        return text
