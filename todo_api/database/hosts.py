"""The hosts of a database URL, in the order in which new connections try them (docs/decisions/0035).

libpq tries them in the order of the URL and waits for each. A frozen host accepts connections and never responds, so
every new connection would wait for it. A process therefore begins with the host that it connected to last, and ends
with one that lost a connection.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from sqlalchemy import Dialect, PoolProxiedConnection
    from sqlalchemy.pool import ConnectionPoolEntry

Host: TypeAlias = tuple[str, int]
"""A name or address, and a port."""

HOST_KEY = "todo_api.host"
"""The key of `connection.info` for the list of hosts and the one that the connection leads to."""


class Hosts:
    """The hosts of a URL. All connections of a process to them share the order."""

    def __init__(self, names: str, ports: str) -> None:
        """Take libpq's lists. A missing port is 5432."""
        hosts = names.split(",")
        numbers = ports.split(",") if ports else [""] * len(hosts)
        self.order: list[Host] = [(host, int(port or 5432)) for host, port in zip(hosts, numbers, strict=True)]

    def parameters(self) -> dict[str, str]:
        """Return the parameters of a connection that tries the hosts in their order."""
        names, ports = zip(*self.order, strict=True)
        return {"host": ",".join(names), "port": ",".join(map(str, ports))}

    def prefer(self, host: Host) -> None:
        """Try the host first."""
        self.order = sorted(self.order, key=lambda other: other != host)

    def avoid(self, host: Host) -> None:
        """Try the host last."""
        self.order = sorted(self.order, key=lambda other: other == host)


@cache
def hosts_of(names: str, ports: str, _target_session_attrs: str) -> Hosts:
    """Return the hosts of a URL. A replica on the primary's hosts has another target, and so an order of its own."""
    return Hosts(names, ports)


@event.listens_for(Engine, "do_connect")
def connect_in_order(
    dialect: Dialect, record: ConnectionPoolEntry, _arguments: Any, parameters: MutableMapping[str, Any]
) -> Any:
    """Connect to one of several hosts. SQLAlchemy itself connects to a single one."""
    if "," not in parameters.get("host", ""):
        return None
    hosts = hosts_of(parameters["host"], parameters.get("port", ""), parameters.get("target_session_attrs", ""))
    connection: Any = dialect.connect(**{**parameters, **hosts.parameters()})
    host = (connection.info.host, connection.info.port)
    hosts.prefer(host)
    record.info[HOST_KEY] = (hosts, host)
    return connection


def avoid_host_of(connection: PoolProxiedConnection) -> None:
    """Try the host of a lost connection last, and replace the other connections to it before their next use."""
    if HOST_KEY in connection.info:
        hosts, host = connection.info[HOST_KEY]
        hosts.avoid(host)


def is_avoided(connection: PoolProxiedConnection) -> bool:
    """Return whether the process has since connected to another host, or lost a connection to this one."""
    if HOST_KEY not in connection.info:
        return False
    hosts, host = connection.info[HOST_KEY]
    return host in hosts.order[1:]
