"""How the processes of an attempt were ended; what a worker says of its runner."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WORKER = ("runner_pid", "taken_over", "limits", "as_root")


def upgrade() -> None:
    op.add_column("attempts", sa.Column("proof", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("runner_pid", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("taken_over", sa.Integer(), server_default="0", nullable=False))
    op.add_column("workers", sa.Column("limits", sa.String(16), server_default="", nullable=False))
    op.add_column("workers", sa.Column("as_root", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in reversed(_WORKER):
        op.drop_column("workers", name)
    op.drop_column("attempts", "proof")
