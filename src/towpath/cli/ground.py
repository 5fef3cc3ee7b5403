"""What `towpath up` lays in a home before anything runs: the database, its keys, and who may join the bus."""

import os
import pwd
import time
from contextlib import suppress
from pathlib import Path

from towpath.bus.keys import load_or_make_seed, public_key
from towpath.bus.server_config import NodeKey
from towpath.cli.front import connection_here
from towpath.cli.home import NODE, Home, find_connection, write_connection
from towpath.cli.keyfile import load_hub_key, load_or_make_key
from towpath.client.connection import Connection
from towpath.config import Front, read_key_file
from towpath.engine import keys, registry
from towpath.store import schema
from towpath.store.database import Database, Tx


class Ground:
    """The prepared home; every step may be taken again."""

    def __init__(self, home: Home, database_url: str) -> None:
        self._home = home
        load_hub_key(home.root / "hub.key", read_key_file(os.environ))
        self.hub_key = public_key(load_or_make_seed(home.root / "hub.nk"))
        schema.upgrade(database_url)
        self._database = Database(database_url, lambda: time.time_ns() // 1000)

    def close(self) -> None:
        """Let go of the database."""
        self._database.stop()

    def admit_client(self, front: Front) -> None:
        """Write `client.toml`, with the key that it had before if the hub knows that one."""
        known = find_connection(self._home)
        with self._database.writing() as tx:
            key = _key_that_opens(tx, known) or registry.make_api_key(tx, _login_name())
        connection = connection_here(front, key)
        if connection != known:
            write_connection(self._home, connection)

    def admit(self, place: str) -> None:
        """Let a node that runs here join the bus: that of a site, or a further one, `SITE/NODE`."""
        site, _, node = place.partition("/")
        key = public_key(load_or_make_seed(self.seed_file(place)))
        if node:
            self._share_key(site, node)
        with self._database.writing() as tx:
            registry.add_site(tx, site)
            registry.register_node(tx, site, node or NODE, key)

    def _share_key(self, site: str, node: str) -> None:
        """Give a further node the key of its site: what one marks, the other must know."""
        load_or_make_key(self._home.site(site) / "site.key")
        with suppress(FileExistsError):
            os.link(self._home.site(site) / "site.key", self._home.site(site, node) / "site.key")

    def seed_file(self, place: str) -> Path:
        """The NKEY seed of a site's node, or of a further one, `SITE/NODE`."""
        site, _, node = place.partition("/")
        directory = self._home.site(site, node)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory / "node.nk"

    def nodes(self) -> list[NodeKey]:
        """Every node that may join the bus."""
        with self._database.reading() as conn:
            found = [NodeKey(node.site, node.name, node.public_key) for node in registry.list_nodes(conn)]
        # The server takes no key twice: one that claims the hub's would keep everybody out.
        return [node for node in found if node.key != self.hub_key]


def _key_that_opens(tx: Tx, connection: Connection | None) -> str | None:
    if connection is None or keys.open_with_key(tx.conn, connection.api_key, tx.now) is None:
        return None
    return connection.api_key


def _login_name() -> str:
    """Whose key it is: what jobs and wishes are signed with."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
