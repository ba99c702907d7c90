"""Where the certificate for the local network is kept. Imports no cryptography, which takes 8 MB."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """The files of a local certificate, all PEM, in one folder.

    Attributes:
        authority: Certificate of the authority, which others have to trust.
        certificate: Certificate of the server.
        key: Private key of the server.
    """

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "LocalCertificate":
        """Returns the files in a folder, which may not exist."""
        return cls(folder / "ca.pem", folder / "server.pem", folder / "server.key")

    @property
    def authority_key(self) -> Path:
        """Private key of the authority."""
        return self.authority.with_suffix(".key")
