"""Connecting to the data source of a job, and what it says when something is wrong."""

from collections.abc import Callable

from common.datasources.connection import Connection, connect
from common.datasources.guard import Rules
from common.datasources.problems import said
from common.datasources.source import Source
from common.errors import DomainError
from worker.kinds.run.control import Failure
from worker.kinds.run.job import Job


def opened(job: Job, *, read_only: bool = False, statement_timeout: float | None = None) -> Connection:
    """A connection to the source that `worker.kinds.sources.needs` put into the job; raises Failure in plain words."""
    source, rules = Source.of_json(job.needs["source"]), Rules.of_json(job.needs["rules"])
    try:
        return connect(source, rules, read_only=read_only, statement_timeout=statement_timeout)
    except DomainError as error:
        detail = getattr(error, "detail", "")
        raise Failure(f"{error} ({detail})" if detail else str(error)) from None


def explainer(source: Source) -> Callable[[BaseException], str]:
    """What turns an error of a statement into words for people: the server's own, without the password."""
    return lambda error: str(error) if isinstance(error, DomainError) else said(error, source)
