"""What only we and a target may know: written in the settings, in a file, or given by the service manager."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from streamstt.config.outputs import check_address
from streamstt.config.secrets import read_secret
from streamstt.errors import ConfigError
from streamstt.outputs.base import Away


@dataclass(frozen=True, slots=True)
class Secret:
    """Where one is to be found.

    Attributes:
        setting: Such as ``obs.password``; the credential is then ``streamstt-obs-password``.
        given: In the settings; empty: elsewhere.
        file: Name of the file it is in; empty: there is none.
    """

    setting: str
    given: SecretStr = field(repr=False)
    file: str

    @property
    def credential(self) -> str:
        """Its name among systemd's credentials."""
        return "streamstt-" + self.setting.replace(".", "-").replace("_", "-")

    def is_there(self, credentials: str) -> bool:
        """Whether somebody gave one.

        Args:
            credentials: Folder of systemd's credentials; empty: there is none.
        """
        given = self.given.get_secret_value() or self.file
        return bool(given or (credentials and (Path(credentials) / self.credential).is_file()))

    async def read(self) -> str:
        """The secret, as it is now; empty if there is none.

        Raises:
            Away: Its file cannot be read, or is empty: it may be written soon.
        """
        if given := self.given.get_secret_value():
            return given
        try:
            return await asyncio.to_thread(read_secret, f"{self.setting}_file", self.file, self.credential)
        except ConfigError as problem:
            raise Away(str(problem)) from problem

    async def address(self) -> str:
        """The secret, which is an address for HTTP.

        Raises:
            Away: There is none, or it is no address.
        """
        text = await self.read()
        try:
            check_address(text, "https", "http")
        except ValueError as problem:
            raise Away(f"what {self.setting}_file holds {problem}") from problem
        return text
