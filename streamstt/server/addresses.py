"""Where other machines find this one: the addresses of its network interfaces, and its name."""

import re
import socket
import threading
from ipaddress import IPv6Address, ip_address

import ifaddr

from streamstt.server.access import is_loopback

WILDCARD_HOSTS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
# Interfaces between this machine and its containers and virtual machines: no phone can reach them.
VIRTUAL_INTERFACES = ("br-", "docker", "lxc", "podman", "veth", "virbr", "vmnet", "vboxnet")
RESOLVE_S = 0.5


def network_addresses(host: str) -> list[str]:
    """Returns the addresses by which other machines reach a server, those that are most likely to work first.

    Args:
        host: Address that the server listens on.
    """
    if is_loopback(host):
        return []
    if host not in WILDCARD_HOSTS:
        return [host]
    found: list[tuple[bool, int, int, str]] = []
    for adapter in _adapters():
        for entry in adapter.ips:
            address = ip_address(entry.ip if isinstance(entry.ip, str) else entry.ip[0].partition("%")[0])
            is_usable = not (address.is_loopback or address.is_link_local or address.is_multicast)
            is_served = host == "::" or not isinstance(address, IPv6Address)
            if is_usable and is_served:
                found.append((adapter.name.startswith(VIRTUAL_INTERFACES), address.version, len(found), str(address)))
    return list(dict.fromkeys(address for *_, address in sorted(found)))


def own_names() -> list[str]:
    """Returns the names that a network may know this machine by: its host name, and that with ``.local``."""
    name = socket.gethostname().partition(".")[0].lower()
    return [f"{name}.local", name] if re.fullmatch("[a-z0-9-]+", name) and name != "localhost" else []


def resolvable_name() -> str:
    """Returns ``NAME.local`` if a multicast DNS responder answers for it; empty if none does soon."""
    names = own_names()
    resolved: list[str] = []
    if names:
        asking = threading.Thread(target=_resolve, args=(names[0], resolved), daemon=True)
        asking.start()
        asking.join(RESOLVE_S)
    return resolved[0] if resolved else ""


def page_addresses(scheme: str, host: str, port: int, names: list[str] | None = None) -> list[str]:
    """Returns the addresses of the captions page for other machines; IPv6 ones only if there are no others.

    Args:
        scheme: ``http`` or ``https``.
        host: Address that the server listens on.
        port: Port that it listens on.
        names: Names and addresses that its certificate is for; None: any will do.
    """
    addresses = network_addresses(host)
    addresses = [address for address in addresses if ":" not in address] or addresses
    if names is not None and addresses:
        valid = [address for address in addresses if address in names]
        others = [name for name in names if "*" not in name and not is_loopback(name)]
        addresses = valid or others or addresses
    return [page_address(scheme, address, port) for address in addresses]


def page_address(scheme: str, host: str, port: int) -> str:
    """Returns the address of the captions page on one host."""
    shown = f"[{host}]" if ":" in host else host
    default_port = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{shown}{'' if port == default_port else f':{port}'}/"


def _adapters() -> list[ifaddr.Adapter]:
    """Returns the network interfaces; none if a sandbox forbids to list them."""
    try:
        return list(ifaddr.get_adapters())
    except OSError:
        return []


def _resolve(name: str, resolved: list[str]) -> None:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return
    resolved.append(name)
