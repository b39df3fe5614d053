"""indexes for lists over a long history

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    by_hand = sa.text("\"trigger\" <> 'schedule'")
    op.create_index("ix_executions_status", "executions", ["status", "lease_until", "id", "task_id"])
    op.drop_index("ix_executions_status_lease_until", "executions")
    op.create_index("ix_executions_finished", "executions", ["finished_at", "status"])
    op.drop_index("ix_executions_finished_at", "executions")
    op.create_index(
        "ix_executions_trigger", "executions", ["trigger", "id"], sqlite_where=by_hand, postgresql_where=by_hand
    )
    op.create_index("ix_tasks_enabled", "tasks", ["deleted_at", "enabled", "name"])


def downgrade() -> None:
    op.drop_index("ix_tasks_enabled", "tasks")
    op.drop_index("ix_executions_trigger", "executions")
    op.create_index("ix_executions_finished_at", "executions", ["finished_at"])
    op.drop_index("ix_executions_finished", "executions")
    op.create_index("ix_executions_status_lease_until", "executions", ["status", "lease_until"])
    op.drop_index("ix_executions_status", "executions")
