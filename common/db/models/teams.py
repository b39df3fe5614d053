"""Teams, and what of whose tasks others may do."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db.models.base import TABLE_OPTIONS
from common.db.types import BigId, UtcDateTime


class Team(SQLModel, table=True):
    """People whom tasks are shared with together."""

    __tablename__ = "teams"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    name: str = Field(max_length=100)
    #: Lower-case form; unique, so that "Ops" and "ops" are one team on every database.
    name_key: str = Field(max_length=100, unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class TeamMember(SQLModel, table=True):
    """Somebody in a team."""

    __tablename__ = "team_members"
    __table_args__ = (
        UniqueConstraint("user_id", "team_id"),
        Index("ix_team_members_team_id", "team_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    team_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("teams.id", ondelete="CASCADE")])
    user_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")])


class TaskShare(SQLModel, table=True):
    """What one user, or one team, may do with somebody else's task. Exactly one of the two is set."""

    __tablename__ = "task_shares"
    __table_args__ = (
        UniqueConstraint("user_id", "task_id"),
        UniqueConstraint("team_id", "task_id"),
        Index("ix_task_shares_task_id", "task_id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    task_id: int = Field(sa_type=BigId, sa_column_args=[ForeignKey("tasks.id", ondelete="CASCADE")])
    user_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("users.id", ondelete="CASCADE")]
    )
    team_id: int | None = Field(
        default=None, sa_type=BigId, sa_column_args=[ForeignKey("teams.id", ondelete="CASCADE")]
    )
    #: A number of `common.domain.permissions.Right`: 1 view, 2 run, 3 edit.
    level: int = 1
