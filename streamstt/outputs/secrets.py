"""What only we and a target may know: written in the settings, in a file, or given by the service manager."""

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
    """Where one is to be found.

    Attributes:
        setting: Such as ``obs.password``; the credential is then ``streamstt-obs-password``.
        value: In the settings; empty: elsewhere.
        file: Name of the file it is in; empty: there is none.
    """

    setting: str
    value: SecretStr = field(repr=False)
    file: str

    @property
    def credential_name(self) -> str:
        """Its name among systemd's credentials."""
        return "streamstt-" + self.setting.replace(".", "-").replace("_", "-")

    def is_set(self, credentials_folder: str) -> bool:
        """Whether somebody gave one.

        Args:
            credentials_folder: Folder of systemd's credentials; empty: there is none.
        """
        given = self.value.get_secret_value() or self.file
        return bool(given or (credentials_folder and (Path(credentials_folder) / self.credential_name).is_file()))

    async def read(self) -> str:
        """The secret, as it is now; empty if there is none.

        Raises:
            Away: Its file cannot be read, or is empty: it may be written soon.
        """
        if given := self.value.get_secret_value():
            return given
        try:
            return await run_in_thread(read_secret, f"{self.setting}_file", self.file, self.credential_name)
        except ConfigError as problem:
            raise TargetUnavailable(str(problem)) from problem

    async def read_url(self) -> str:
        """The secret, which is an address for HTTP.

        Raises:
            Away: There is none, or it is no address.
        """
        text = await self.read()
        try:
            check_url(text, "https", "http")
        except ValueError as problem:
            raise TargetUnavailable(f"{self.setting}_file: {problem}") from problem
        return text
