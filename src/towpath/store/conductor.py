"""The office of conductor: one of the hubs on a database does what is to be done unasked."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.database import Tx
from towpath.store.tables import conductor


class Deposed(RuntimeError):
    """Another hub has taken the office: what this one does in it must change nothing."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who conducts. `epoch` counts those who took the office, `beats` the heartbeats of this one."""

    epoch: int
    holder: str
    """Empty where it was laid down."""
    beats: int


_LOOK = sa.select(conductor.c.epoch, conductor.c.holder, conductor.c.beats)
# The epoch is the key of the table: whoever takes the office waits for all transactions that were checked under the
# epoch before, while a heartbeat, which changes no key, waits for none.
_CHECK = (
    sa.select(conductor.c.epoch)
    .where(conductor.c.epoch == sa.bindparam("mine"))
    .with_for_update(read=True, key_share=True)
)
_BEAT = (
    sa.update(conductor).where(conductor.c.epoch == sa.bindparam("mine")).values(beats=conductor.c.beats + 1)
)


def look(conn: Connection) -> Office:
    """Who conducts now."""
    return Office(*conn.execute(_LOOK).one())


def take(tx: Tx, seen: Office, name: str) -> int | None:
    """Take the office from one that has not stirred since it was `seen`; its new epoch, None where it has."""
    same = (conductor.c.epoch == seen.epoch, conductor.c.beats == seen.beats)
    taking = sa.update(conductor).where(*same)
    done = tx.conn.execute(taking.values(epoch=seen.epoch + 1, holder=name, beats=0, since=tx.now))
    return seen.epoch + 1 if done.rowcount == 1 else None


def beat(tx: Tx, epoch: int) -> bool:
    """Show that the holder of this epoch lives; False where it holds the office no longer."""
    return bool(tx.conn.execute(_BEAT, {"mine": epoch}).rowcount == 1)


def check(tx: Tx, epoch: int) -> None:
    """Hold the office until the end of this transaction; raises `Deposed` where another has it."""
    if tx.conn.execute(_CHECK, {"mine": epoch}).first() is None:
        raise Deposed(f"expected to conduct in epoch {epoch}, found that another hub does")


def leave(tx: Tx, epoch: int) -> None:
    """Lay the office down: whoever looks next may take it at once."""
    tx.conn.execute(sa.update(conductor).where(conductor.c.epoch == epoch).values(holder=""))
