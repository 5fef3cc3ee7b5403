"""Settings that are changed while hubs run: what people have set, in place of what a hub was started with."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.live_settings import ALL, Value
from towpath.store.database import Tx
from towpath.store.tables import settings


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody has set."""

    value: Value
    by: str
    at: int


def chosen(conn: Connection) -> dict[str, Chosen]:
    """What people have set; one that this version does not know is left out."""
    rows = conn.execute(sa.select(settings).order_by(settings.c.name))
    return {
        row.name: Chosen(msgspec.json.decode(row.value), row.set_by, row.set_at)
        for row in rows
        if row.name in ALL
    }


def effective(conn: Connection, started_with: Mapping[str, Value]) -> dict[str, Value]:
    """What holds at a hub that was started with these values."""
    return {**started_with, **{name: one.value for name, one in chosen(conn).items()}}


def change(tx: Tx, changes: Mapping[str, Value | None], by: str) -> None:
    """Set them, or reset where the value is None; all have been checked."""
    for name, value in changes.items():
        tx.conn.execute(sa.delete(settings).where(settings.c.name == name))
        if value is not None:
            row = {"name": name, "value": msgspec.json.encode(value).decode(), "set_by": by, "set_at": tx.now}
            tx.conn.execute(sa.insert(settings).values(row))
