"""What version 0.2 adds to the tables."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it, part by part."""


def downgrade() -> None:
    """A database goes forward only: an older form is restored from a backup."""
    raise NotImplementedError("expected a backup of the older form, found a request to go back to it")
