"""What all tables are made of: their names, and the types and kinds of their columns."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = sa.BigInteger
Count = sa.BigInteger


def count(name: str) -> sa.Column[int]:
    """A number that begins at nought."""
    return sa.Column(name, Count, nullable=False, server_default="0")


def flag(name: str) -> sa.Column[bool]:
    """Something that is so or not, and at first is not."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
