"""Which databases may be reached: not Rota's own, however it is spelled, and no address that only this machine means.

Offices keep their databases on private addresses, so those may be reached unless a setting names the only networks that
may. Never link-local addresses: at some of them clouds hand out the keys of the machine to whoever asks.
"""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.engine import make_url

from common.datasources.source import Source
from common.domain.invalid import N_
from common.errors import DomainError
from common.net.addresses import Address, NotAllowed, Policy, Unresolvable, carried

#: Where clouds answer questions about the machine, although the addresses look like any other.
_METADATA = tuple(map(ip_network, ("100.100.100.200/32", "fd00:ec2::254/128", "168.63.129.16/32", "192.0.0.192/32")))
_HERE = "this machine"


class Refused(DomainError):
    """A database that may not be used."""

    status = 422
    code = "data-source-refused"
    title = "Data source refused"


@dataclass(frozen=True, slots=True)
class Own:
    """Where Rota's own database is, as far as it must be known to keep others away from it."""

    engine: str
    host: str = ""
    port: int = 0
    database: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say. `networks`: the only networks and host names that may be reached, any when empty;
    `folders`: where files of SQLite may lie."""

    own: Own
    networks: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the job of a process."""
        return asdict(self)

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> "Rules":
        """From the job of a process."""
        return cls(Own(**raw["own"]), tuple(raw["networks"]), tuple(raw["folders"]))


def rules(url: str, networks: Iterable[str], folders: Iterable[str]) -> Rules:
    """The rules for a Rota whose own database is at `url`."""
    own = make_url(url)
    engine = own.get_backend_name()
    if engine == "sqlite":
        return Rules(Own(engine, database=str(own.database or "")), tuple(networks), tuple(folders))
    engine = "mysql" if engine == "mariadb" else engine
    port = own.port or {"mysql": 3306, "postgresql": 5432}.get(engine, 0)
    host = own.host or "localhost"
    if host.startswith("/"):
        host = "localhost"
    return Rules(Own(engine, host, port, own.database or ""), tuple(networks), tuple(folders))


def addresses(source: Source, rule: Rules) -> list[str]:
    """Where the server of a source is: every address looked at, to be connected to and no other.

    Raises Unresolvable, NotAllowed, Refused.
    """
    found = _resolve(source.host, source.port)
    only = Policy.of(rule.networks) if rule.networks else None
    for text in found:
        address = ip_address(text.partition("%")[0])
        if not _may_be_reached(address) or (only is not None and not _within(only, source.host, address)):
            raise NotAllowed(
                N_(
                    "{host} is at {address}, where no data source may be. An administrator can name the networks that"
                    " are allowed in ROTA_DATA_SOURCE_NETWORKS."
                ),
                host=source.host,
                address=text,
            )
    own = rule.own
    if own.engine == source.engine and own.port == source.port and _same_name(own, source) and _same_host(own, found):
        raise _own_database()
    return found


def is_own_server(source: Source, found: Iterable[str], rule: Rules) -> bool:
    """Whether a source is on the server that holds Rota's own database too."""
    return rule.own.engine == source.engine and rule.own.port == source.port and _same_host(rule.own, list(found))


def _own_database() -> Refused:
    return Refused(N_("This is Rota's own database. Tasks never reach it: use the API."), field="database")


def own_is_visible() -> Refused:
    """For an account that can read Rota's own tables from another database of the same server."""
    return Refused(
        N_("This account may read Rota's own database on the same server. Use an account that may not."),
        field="username",
    )


def _same_name(own: Own, source: Source) -> bool:
    return own.database.casefold() == source.database.casefold()


def _same_host(own: Own, found: list[str]) -> bool:
    return bool(_places(_resolve_or_nothing(own.host, own.port)) & _places(found))


def _places(texts: Iterable[str]) -> set[str]:
    """Addresses, with one word for all of this machine's."""
    here = {each.address.partition("%")[0] for nets in psutil.net_if_addrs().values() for each in nets}
    found = set()
    for text in texts:
        address = ip_address(text.partition("%")[0])
        plain = carried(address) or address
        local = plain.is_loopback or plain.is_unspecified or str(plain) in here or str(address) in here
        found.add(_HERE if local else str(plain))
    return found


def _may_be_reached(address: Address) -> bool:
    inner = carried(address)
    if inner is not None:
        return _may_be_reached(inner)
    never = address.is_link_local or address.is_multicast or address.is_unspecified
    return not (never or any(address in network for network in _METADATA) or str(address) == "255.255.255.255")


def _within(policy: Policy, host: str, address: Address) -> bool:
    inner = carried(address)
    return policy.names_or_networks(host, address) or (inner is not None and policy.names_or_networks(host, inner))


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unresolvable(N_("The host {host} is not known."), host=host) from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _resolve_or_nothing(host: str, port: int) -> list[str]:
    try:
        return _resolve(host, port)
    except Unresolvable:
        return []


def file(source: Source, rule: Rules) -> Path:
    """The file of an SQLite source, links followed; raises Refused."""
    path = Path(os.path.realpath(source.database))
    folders = [Path(os.path.realpath(each)) for each in rule.folders]
    if not any(path.is_relative_to(folder) for folder in folders):
        shown = ", ".join(map(str, folders)) or "–"
        raise Refused(
            N_("Files of SQLite may lie in {folders} only. An administrator can change that in ROTA_SQLITE_FOLDERS."),
            field="database",
            folders=shown,
        )
    if rule.own.engine == "sqlite" and _same_file(path, Path(rule.own.database)):
        raise _own_database()
    return path


def _same_file(path: Path, own: Path) -> bool:
    """Also by a hard link, and also its journal."""
    names = [Path(os.path.realpath(f"{own}{end}")) for end in ("", "-wal", "-shm", "-journal")]
    try:
        return path in names or any(name.exists() and path.exists() and path.samefile(name) for name in names)
    except OSError:
        return True
