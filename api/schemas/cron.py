"""Coming instants as the API shows them."""

from datetime import datetime

from api.schemas.base import Answer, Instant
from common.domain.triggers import Preview
from common.domain.wording import Lang


class NextInstant(Answer):
    """One coming instant: in UTC, in the schedule's zone with its offset, and what is special about it."""

    utc: Instant
    local: str
    note: str | None


class CronNext(Answer):
    """The next instants of an expression, the expression in words, and what one should know about it."""

    next: list[NextInstant]
    text: dict[str, str]
    warnings: list[str]


class NextRun(Answer):
    """When a task runs next; null when nothing is to come (paused, manual only, or over)."""

    task_id: int
    enabled: bool
    next_run_at: Instant | None
    local: str | None
    timezone: str | None
    next: list[NextInstant]


def instants(preview: Preview, lang: str) -> list[NextInstant]:
    """The instants of a preview, with notes in a language ("en", "zh")."""
    return [
        NextInstant(
            utc=item.utc, local=local(item.local), note=item.note.text(domain_lang(lang)) if item.note else None
        )
        for item in preview.next
    ]


def warnings(preview: Preview, lang: str) -> list[str]:
    """The warnings of a preview in a language."""
    return [note.text(domain_lang(lang)) for note in preview.warnings]


def local(instant: datetime) -> str:
    """Local time with its offset."""
    return instant.isoformat(timespec="seconds")


def domain_lang(lang: str) -> Lang:
    """The domain's name of a language."""
    return "zh" if lang.startswith("zh") else "en"
