"""Data sources as the API shows them: the password is not among it."""

from collections.abc import Sequence

from api.schemas.base import Answer, Instant
from api.schemas.variables import UsedBy
from common.db.types import Record
from common.i18n import localized
from common.services.data_sources import Probe


class DataSourceOut(Answer):
    """A data source. `has_password` says whether one is stored."""

    id: int
    name: str
    scope: str
    owner: str | None
    kind: str
    host: str
    port: int
    database: str
    username: str
    has_password: bool
    tls: str
    tls_ca: str
    read_only: bool
    statement_timeout: float | None
    description: str
    used_by: list[UsedBy]
    created_at: Instant
    updated_at: Instant
    updated_by: str

    @classmethod
    def of(cls, row: Record, used_by: Sequence[Record] = ()) -> "DataSourceOut":
        """The answer for a row and the tasks that use it."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        shown = {
            "scope": "everyone" if row.scope == "everyone" else "own",
            "has_password": bool(row.has_password),
            "used_by": [UsedBy(id=task.id, name=task.name) for task in used_by],
        }
        return cls.model_validate(own | shown)


class ProbeOut(Answer):
    """What came of a test. `problem` is one of name, port, timeout, password, database, tls, driver, refused, file and
    other; `message` says it in a sentence, `detail` is what the driver said."""

    ok: bool
    version: str
    seconds: float
    problem: str | None
    message: str
    detail: str

    @classmethod
    def of(cls, found: Probe, lang: str) -> "ProbeOut":
        """The answer in the reader's language."""
        return cls(
            ok=found.problem is None,
            version=found.version,
            seconds=round(found.seconds, 3),
            problem=found.kind or None,
            message=localized(found.problem, lang) if found.problem else "",
            detail=found.detail,
        )
