"""Changes of one thing come one after the other, also where several hubs make them."""

import hashlib

import sqlalchemy as sa

from towpath.store.database import Tx


def one_at_a_time(tx: Tx, thing: str) -> None:
    """Wait until nobody else changes the thing of that name; holds until the transaction ends.

    SQLite has one writer anyhow.
    """
    if tx.conn.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(thing.encode()).digest()[:8], signed=True)
        tx.conn.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
