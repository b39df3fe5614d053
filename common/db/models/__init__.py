"""Owns the tables: one noun a file."""

from common.db.models.artifacts import Artifact
from common.db.models.audit import Audit
from common.db.models.base import metadata, table_of
from common.db.models.calendars import Calendar
from common.db.models.credentials import ApiKey, Invitation, RecoveryCode, Throttle
from common.db.models.data_sources import DataSource
from common.db.models.executions import Attempt, Execution, ExecutionOutput
from common.db.models.identities import UserIdentity
from common.db.models.processes import Fact, Scheduler, SchedulerGap, Worker
from common.db.models.programs import Program, ProgramVersion
from common.db.models.tasks import Schedule, Task, TaskVersion
from common.db.models.teams import TaskShare, Team, TeamMember
from common.db.models.uploads import Upload
from common.db.models.users import SetupToken, User, UserSession
from common.db.models.variables import Variable

__all__ = [
    "ApiKey",
    "Artifact",
    "Attempt",
    "Audit",
    "Calendar",
    "DataSource",
    "Execution",
    "ExecutionOutput",
    "Fact",
    "Invitation",
    "Program",
    "ProgramVersion",
    "RecoveryCode",
    "Schedule",
    "Scheduler",
    "SchedulerGap",
    "SetupToken",
    "Task",
    "TaskShare",
    "TaskVersion",
    "Team",
    "TeamMember",
    "Throttle",
    "Upload",
    "User",
    "UserIdentity",
    "UserSession",
    "Variable",
    "Worker",
    "metadata",
    "table_of",
]
