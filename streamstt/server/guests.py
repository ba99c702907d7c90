"""What guests need to open the captions page: an address that their device reaches, and a token that lets them read."""

from dataclasses import dataclass, field

from streamstt.config.server import ServerSettings
from streamstt.server.access import TokenSet
from streamstt.server.addresses import WILDCARD_HOSTS, page_address, page_addresses, resolvable_name
from streamstt.server.tls import names_in_certificate
from streamstt.server.tokens import guest_token


@dataclass(frozen=True, slots=True)
class Invitation:
    """How guests find the captions.

    Attributes:
        addresses: Addresses of the captions page, the best one first; none if other machines cannot reach it.
        token: A viewer's token; empty: none is needed, or there is none for guests.
    """

    addresses: tuple[str, ...]
    token: str = field(default="", repr=False)

    def link(self, address: str) -> str:
        """Returns an address of the captions page with the token."""
        return f"{address}?token={self.token}" if self.token else address


def make_invitation(settings: ServerSettings, port: int, token_set: TokenSet | None) -> Invitation:
    """Finds out how guests reach a server.

    Args:
        settings: The ``[server]`` section.
        port: The port that it listens on.
        token_set: The tokens; None: none is needed.
    """
    scheme = "https" if settings.tls_certificate else "http"
    addresses = page_addresses(scheme, settings.host, port, names_in_certificate(settings))
    return Invitation(tuple(addresses), guest_token(token_set))


def best_address(settings: ServerSettings, port: int) -> str:
    """Returns the address of the captions page: one that others can use, if there is one."""
    if addresses := make_invitation(settings, port, None).addresses:
        return addresses[0]
    host = "localhost" if settings.host in WILDCARD_HOSTS else settings.host
    return page_address("https" if settings.tls_certificate else "http", host, port)


def other_addresses(settings: ServerSettings, port: int, shown: str) -> list[str]:
    """Returns the addresses of the captions page besides one that is shown already; none on a loopback address.

    Args:
        settings: The ``[server]`` section.
        port: The port that it listens on.
        shown: Address that is left out.
    """
    invitation = make_invitation(settings, port, None)
    if not invitation.addresses:
        return []
    names = [name] if (name := resolvable_name()) else []
    names += ["localhost"] if settings.host in WILDCARD_HOSTS else []
    scheme = "https" if settings.tls_certificate else "http"
    every = [*invitation.addresses, *(page_address(scheme, name, port) for name in names)]
    return [address for address in every if address != shown]
