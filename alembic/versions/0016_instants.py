"""indexes for what was due within a time

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STATES = ["status", "lease_until", "id", "task_id"]


def upgrade() -> None:
    op.create_index("ix_executions_scheduled", "executions", ["scheduled_for", "id", "task_id"])
    op.drop_index("ix_executions_status", "executions")
    op.create_index("ix_executions_status", "executions", [*_STATES, "scheduled_for"])


def downgrade() -> None:
    op.drop_index("ix_executions_status", "executions")
    op.create_index("ix_executions_status", "executions", _STATES)
    op.drop_index("ix_executions_scheduled", "executions")
