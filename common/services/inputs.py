"""What people may say about a task: one model for API, pages and command line, with limits and their reasons."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from common.domain.invalid import N_
from common.fields import MAX_ARGUMENT as MAX_ARGUMENT
from common.fields import (
    MAX_ARGUMENTS,
    Argument,
    Flag,
    Number,
    QueueName,
    Seconds,
    Tag,
    UserName,
    Variable,
    VariableName,
    Whole,
    argument,
    variable_name,
)
from common.fields import Name as Name
from common.fields import Prose as Prose
from common.fields import Time as Time
from common.fields import refuse as refuse
from common.fields import storable as storable
from common.kinds import KINDS
from common.kinds.base import LONGEST_TEXT

_SIZE = re.compile(r"\d+(\.\d+)?\s*([kmgt]i?b?|b)?", re.IGNORECASE)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise PydanticKnownError("literal_error", {"expected": ", ".join(KINDS)})
    return kind


KindName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(KINDS)})]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=200_000)


class ScheduleInput(_Input):
    """When a task runs: one of possibly several schedules."""

    kind: Literal["cron", "interval", "once"] = "cron"
    expr: str = Field(
        min_length=1,
        max_length=255,
        description="Cron expression (5 fields; 6 with seconds first; 7 with a year last), interval such as `90s`,"
        " `5m`, `1h30m`, or an ISO instant for `once`.",
        examples=["*/5 * * * *"],
    )
    timezone: str | None = Field(None, max_length=64, description="IANA zone; the task's `timezone` when left out.")
    start_at: Time | None = Field(None, description="Nothing runs before this instant.")
    end_at: Time | None = Field(None, description="Nothing runs after this instant.")
    jitter: Whole = Field(0, ge=0, le=86_400, description="Spread the start over so many seconds.")
    calendar: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = Field(
        None,
        description="A calendar by name: one of yours, or a built-in one: `CN`, `US-CA` (public holidays),"
        " `CN:working_days`.",
    )
    calendar_id: Whole | None = Field(None, ge=1, le=2**63 - 1, description="A calendar of yours by id.")
    calendar_rule: Literal["only_on", "never_on", "shift_next"] | None = Field(
        None,
        description="`only_on` runs on days of the calendar, `never_on` on the others, `shift_next` moves to the next"
        " working day at the same local time. Left out: `only_on` for working days, else `never_on`.",
    )


class LimitsInput(_Input):
    """What a task may use; none where left out. Memory and processes count for its whole tree where the worker has
    cgroups, else for each process and for all of its user's."""

    memory: Annotated[ByteSize, Field(ge=1_000_000, le=2**50)] | None = Field(
        None, description="Bytes, or with a unit: `512MB`, `1.5GiB`.", examples=["512MB"]
    )
    cpu: Whole | None = Field(None, ge=1, le=31_536_000, description="Seconds of CPU time.")
    processes: Whole | None = Field(None, ge=1, le=1_000_000, description="Processes and threads at a time.")
    files: Whole | None = Field(None, ge=8, le=1_000_000, description="Open files of each process.")
    nice: Whole | None = Field(
        None, ge=-20, le=19, description="How far it steps back for others; below 0 needs a worker that is root."
    )

    @field_validator("memory", mode="before")
    @classmethod
    def _in_words(cls, value: object) -> object:
        if isinstance(value, bool) or (isinstance(value, str) and not _SIZE.fullmatch(value.strip())):
            raise refuse(N_("Must be a number of bytes, or one with a unit such as 512MB or 1.5GiB."))
        return value


class TaskInput(_Input):
    """A task as people describe it."""

    name: Name = Field(examples=["测试任务"])
    kind: KindName = "shell"
    command: Annotated[str, Field(max_length=LONGEST_TEXT)] = Field(
        "",
        validate_default=True,
        description="The main text of its kind: what /bin/sh runs, a script of SQL. Most kinds need one.",
        examples=["echo hello"],
    )
    spec: dict[str, Any] = Field(
        default_factory=dict,
        validate_default=True,
        description="What else its kind needs, for example `data_source_id` of a SQL task.",
        examples=[{}],
    )
    cron: str | dict[str, Any] | None = Field(
        None,
        description="The one schedule of the task: a cron expression, or an APScheduler-style object. Use `schedules`"
        " for several, or for intervals.",
        examples=["*/5 * * * *"],
    )
    schedules: list[ScheduleInput] | None = Field(None, max_length=20)
    timezone: str | None = Field(None, max_length=64, description="IANA zone of the schedules; UTC when left out.")
    description: Prose = Field("", max_length=10_000)
    env: dict[str, Variable] = Field(default_factory=dict, max_length=200, description="Environment of the program.")
    variables: list[VariableName] = Field(
        default_factory=list,
        max_length=100,
        description="Names of variables (`/variables`) whose values the program finds in its environment.",
        examples=[[]],
    )
    args: list[Argument] = Field(
        default_factory=list, max_length=200, description="Arguments: $1, $2 … in the command."
    )
    cwd: str | None = Field(
        None, max_length=4096, description="Working directory, absolute; a private one that goes when left out."
    )
    limits: LimitsInput | None = Field(None, description="What it may use; none when left out.")
    run_as: UserName | None = Field(
        None,
        description="User of the worker's machine it runs as; needs a worker that is root. Only administrators may set"
        " it, and change what such a task runs.",
    )
    timeout: Annotated[Number, Field(gt=0, le=2_592_000, allow_inf_nan=False)] | None = Field(
        None, description="Seconds after which the program is ended; no limit when left out."
    )
    retries: Whole = Field(0, ge=0, le=100, description="How often to try again after a failure or timeout.")
    retry_delay: Seconds = Field(60.0, description="Seconds before the first retry.")
    retry_backoff: Number = Field(1.0, ge=1, le=10, allow_inf_nan=False, description="Factor for each further retry.")
    queue: QueueName = "default"
    priority: Whole = Field(50, ge=0, le=100, description="0 to 100, the smaller the sooner.")
    enabled: Flag = True
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    max_history: Whole | None = Field(None, ge=1, le=1_000_000, description="Finished executions to keep.")
    files_days: Whole | None = Field(
        None, ge=1, le=36_500, description="Days for which files of its executions are kept; the setting's by default."
    )
    concurrency: Literal["skip", "queue", "replace", "allow"] = Field(
        "skip", description="What a schedule does while the task is still running. Running it by hand always runs it."
    )
    delivery: Literal["at_most_once", "at_least_once"] = Field(
        "at_most_once",
        description="What happens when a worker dies: `lost` and somebody is told, or run again (safe to repeat).",
    )
    misfire_policy: Literal["latest", "all", "skip"] = Field(
        "latest", description="Which of the instants missed in a downtime are made up for."
    )
    misfire_grace: Whole | None = Field(
        None,
        ge=0,
        le=31_536_000,
        description="Seconds a run may be late and still start; no limit when left out.",
    )

    @field_validator("command")
    @classmethod
    def _suits_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = KINDS.get(info.data.get("kind") or "")
        if value is None or kind is None:
            return value if value is None else storable(value)
        if not value.strip() and kind.command_missing:
            raise refuse(kind.command_missing)
        if len(storable(value).encode()) > kind.most:
            raise refuse(kind.too_long, most=f"{kind.most:,}")
        return value

    @field_validator("spec")
    @classmethod
    def _of_kind(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        """What its kind says of it; its errors name the field as `spec.FIELD`."""
        kind = KINDS.get(info.data.get("kind") or "")
        if value is None or kind is None:
            return value
        spec = kind.spec.model_validate(value)
        if isinstance(command := info.data.get("command"), str):
            spec.check_command(command)
        return spec.model_dump(mode="json")

    @field_validator("env", "args", "cwd")
    @classmethod
    def _of_programs(cls, value: Any, info: ValidationInfo) -> Any:
        """Only what is a program of its author: in others they could change what of ours runs."""
        kind = KINDS.get(info.data.get("kind") or "")
        if value and kind is not None and not kind.program:
            raise refuse(N_("A task of this kind has no environment, no arguments and no working directory."))
        return value

    @field_validator("cwd")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.startswith("/"):
            raise refuse(N_("Must be an absolute path, for example /srv/reports."))
        return argument(value)

    @field_validator("limits")
    @classmethod
    def _some(cls, value: LimitsInput | None) -> LimitsInput | None:
        return value if value is not None and value.model_dump(exclude_none=True) else None

    @field_validator("env")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            variable_name(name)
        if sum(len(name) + len(text.encode()) for name, text in value.items()) > MAX_ARGUMENTS:
            raise refuse(N_("Must not be larger than {most} bytes together."), most=f"{MAX_ARGUMENTS:,}")
        return value

    @field_validator("variables")
    @classmethod
    def _not_twice(cls, value: list[str], info: Any) -> list[str]:
        if both := sorted(set(value) & info.data.get("env", {}).keys()):
            raise refuse(N_("{name} stands in the environment already. Take it out there."), name=both[0])
        return list(dict.fromkeys(value))

    @field_validator("tags")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))

    @field_validator("schedules")
    @classmethod
    def _not_both(cls, value: list[ScheduleInput] | None, info: Any) -> list[ScheduleInput] | None:
        if value is not None and info.data.get("cron") is not None:
            raise refuse(N_("Give either cron or schedules, not both."))
        return value


class TaskPatch(TaskInput):
    """The fields of a task to change; what is left out stays as it is."""

    name: Name | None = None  # type: ignore[assignment]
    kind: KindName | None = None  # type: ignore[assignment]
    command: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = None  # type: ignore[assignment]
    spec: dict[str, Any] | None = None  # type: ignore[assignment]
