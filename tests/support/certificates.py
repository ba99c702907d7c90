"""Certificates of an authority that only the test trusts."""

from pathlib import Path

import trustme


def issue_certificate(ca: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """Writes a certificate for loopback and its key, over earlier ones, and the authority's as ``ca.pem``.

    Returns:
        The certificate chain and the key, PEM files in ``folder``.
    """
    issued = ca.issue_cert("localhost", "127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    issued.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return chain, key
