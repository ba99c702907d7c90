"""``streamstt certificate``: makes a certificate for the local network."""

from streamstt.cli.options import ConfigOption, SetOption, out, setting_overrides
from streamstt.config.loader import load
from streamstt.config.server import LOCAL_CERTIFICATE
from streamstt.server.guests import make_invitation
from streamstt.server.tls import local_certificate, names_left_out, renew_local_certificate


def certificate(config: ConfigOption = None, assign: SetOption = None) -> None:
    """Make a certificate for the local network, and show how phones trust it.

    The daemon makes the same one with server.tls_certificate = "local", and renews it.
    """
    from streamstt.server.local_certificate import (  # noqa: PLC0415 - see certificate_files.py
        certificate_hosts,
        fingerprint,
        valid_until,
    )

    overrides = setting_overrides(model=None, language=None, assign=assign)
    settings = load(overrides, file=config).settings.server
    settings = settings.model_copy(update={"tls_certificate": LOCAL_CERTIFICATE, "tls_key": ""})
    is_new = renew_local_certificate(settings)
    files = local_certificate(settings)
    assert files is not None
    lines = [
        f"{'New certificate' if is_new else 'Certificate'}: {files.certificate}",
        f"For:         {', '.join(certificate_hosts(files.certificate))}",
        f"Valid until: {valid_until(files.certificate):%Y-%m-%d}; the daemon renews it",
        f"Authority:   {files.authority}",
        f"SHA-256:     {fingerprint(files.authority)}",
        "",
        "Start the daemon with it:  streamstt run --host 0.0.0.0 --set server.tls_certificate=local",
    ]
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104 - where the daemon will listen
    if addresses := make_invitation(everywhere, settings.port, None).addresses:
        lines.append(f"Then open on each phone:   {addresses[0]}trust")
    if problem := names_left_out(settings):
        lines.append(f"Note: {problem}")
    lines.append("Programs on other machines trust the file of the authority:  streamstt listen --ca FILE")
    out.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
