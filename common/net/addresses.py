"""Which addresses may be called on somebody's behalf: the public ones, and those an administrator has allowed.

A name is resolved once, and the connection goes to the very address that was looked at: whoever owns a name could
otherwise show us a public address and have us connect to another.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from common.errors import DomainError
from common.i18n import N_

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: IPv4 addresses live in the last 32 bits of these, and a gateway would take us there.
_CARRIERS = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))
_6TO4 = ip_network("2002::/16")


class NotAllowed(DomainError):
    """A call to an address that is not allowed."""

    status = 422
    code = "address-not-allowed"
    title = "Address not allowed"


class Unresolvable(DomainError):
    """A host name that has no address."""

    status = 422
    code = "unknown-host"
    title = "Unknown host"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be called besides public addresses: `networks`, host names (`*.example.com` for all below one), or
    with `anything` whatever there is."""

    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    anything: bool = False

    @classmethod
    def of(cls, entries: Iterable[str], *, anything: bool = False) -> "Policy":
        """From entries such as "10.0.0.0/8", "192.168.1.20", "intranet.example.com", "*.corp"."""
        networks, names = [], []
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                names.append(entry.casefold().rstrip("."))
        return cls(tuple(networks), tuple(names), anything)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a call to `host`, which is at `address`, may be made."""
        if self.anything or self.names_or_networks(host, address):
            return True
        inner = carried(address)
        if inner is not None:
            return self.allows(host, inner)
        return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

    def names_or_networks(self, host: str, address: Address) -> bool:
        """Whether one of the entries stands for `host` or the address that it has."""
        return self._names(host) or any(address in network for network in self.networks)

    def _names(self, host: str) -> bool:
        host = host.casefold().rstrip(".")
        return any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in self.names)


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _6TO4:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if int(address) > 1 and any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def resolve(host: str, port: int, policy: Policy) -> list[str]:
    """The addresses of a host, every one of them allowed; raises Unresolvable, NotAllowed. Blocks while it asks."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unresolvable(N_("The host {host} is not known."), host=host) from None
    return checked(host, [str(item[4][0]) for item in found], policy)


def checked(host: str, texts: Iterable[str], policy: Policy) -> list[str]:
    """These addresses of `host`, each once; raises NotAllowed when one of them is not allowed."""
    texts = list(dict.fromkeys(texts))
    for text in texts:
        if not policy.allows(host, ip_address(text.partition("%")[0])):
            raise NotAllowed(
                N_(
                    "{host} is at {address}, which is not a public address. An administrator can allow it with"
                    " ROTA_ALLOWED_NETWORKS."
                ),
                host=host,
                address=text,
            )
    if not texts:
        raise Unresolvable(N_("The host {host} is not known."), host=host)
    return texts
