"""The fire ledger, downtimes and forecasts as the API shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.schemas.base import Answer, Instant
from common.domain.reasons import sentence
from common.domain.wording import Lang
from common.services.downtime import Gap
from common.services.forecast import Forecast
from common.services.ledger import Answer as Why
from common.services.ledger import Entry


class LedgerEntry(Answer):
    """What became of one instant, or of `count` instants from `first` to `last`, and why."""

    first: Instant
    last: Instant
    count: int
    outcome: str
    code: str
    text: str
    execution_id: int | None
    status: str | None
    started_at: Instant | None
    finished_at: Instant | None
    lateness: float | None
    exit_code: int | None

    @classmethod
    def values(cls, entry: Entry, lang: Lang, timezone: str) -> dict[str, Any]:
        """The fields of an entry, with its sentence in a language."""
        own = {name: getattr(entry, name) for name in cls.model_fields if hasattr(entry, name)}
        return own | {"status": entry.status or None, "text": sentence(entry.reasons, lang, timezone)}

    @classmethod
    def of(cls, entry: Entry, lang: Lang, timezone: str) -> "LedgerEntry":
        """The answer for an entry."""
        return cls.model_validate(cls.values(entry, lang, timezone))


class WhyOut(Answer):
    """Why a task ran, did not run, or does not run now: in a sentence, as a code, and with the facts behind it."""

    task_id: int
    at: Instant | None
    code: str
    text: str
    facts: dict[str, Any]
    entry: LedgerEntry | None

    @classmethod
    def of(cls, task_id: int, why: Why, lang: Lang) -> "WhyOut":
        """The answer."""
        facts: dict[str, Any] = {}
        for reason in why.reasons:
            facts |= _plain(reason.facts)
        return cls(
            task_id=task_id,
            at=why.at,
            code=why.code,
            text=sentence(why.reasons, lang, why.timezone),
            facts=facts,
            entry=LedgerEntry.of(why.entry, lang, why.timezone) if why.entry else None,
        )


def _plain(facts: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in facts.items()
    }


class DueOut(LedgerEntry):
    """An instant that was due in a downtime."""

    task_id: int
    task_name: str


class GapOut(Answer):
    """A time in which no scheduler was at work, and the instants that were due; `more` when not all are listed."""

    id: int
    started_at: Instant
    ended_at: Instant
    seconds: float
    counts: dict[str, int]
    due: list[DueOut]
    more: bool

    @classmethod
    def of(cls, gap: Gap, lang: Lang) -> "GapOut":
        """The answer for a gap."""
        return cls(
            id=gap.id,
            started_at=gap.started_at,
            ended_at=gap.ended_at,
            seconds=(gap.ended_at - gap.started_at).total_seconds(),
            counts=gap.counts,
            due=[DueOut.model_validate(DueOut.values(entry, lang, "UTC")) for entry in gap.entries],
            more=gap.more,
        )


class ForecastItem(Answer):
    """One coming instant of a task; `expected_seconds` is the median of its last twenty successes."""

    at: Instant
    task_id: int
    task_name: str
    queue: str
    expected_seconds: float | None


class CappedOut(Answer):
    """A schedule that fires too often to be listed whole."""

    schedule_id: int
    task_id: int
    task_name: str
    shown: int
    count: int
    last: Instant


class BucketOut(Answer):
    """A stretch of time: how many runs start in it, and the most that go on at one moment."""

    start: Instant
    starts: int
    peak: int


class LoadOut(Answer):
    """The load of one queue against the slots of its workers."""

    queue: str
    slots: int
    peak: int
    peak_at: Instant | None
    buckets: list[BucketOut]


class ForecastOut(Answer):
    """What is to come, the soonest first; all of it is there up to `complete_until`."""

    since: Instant
    until: Instant
    complete_until: Instant
    items: list[ForecastItem]
    total: int
    page: int
    page_size: int
    pages: int
    capped: list[CappedOut]
    loads: list[LoadOut]

    @classmethod
    def of(cls, forecast: Forecast, *, page: int, page_size: int) -> "ForecastOut":
        """The answer: one page of the instants, and the load of all of them."""
        shown = forecast.items[(page - 1) * page_size : page * page_size]
        return cls(
            since=forecast.since,
            until=forecast.until,
            complete_until=forecast.complete_until,
            items=[
                ForecastItem(
                    at=item.at,
                    task_id=item.task_id,
                    task_name=item.task_name,
                    queue=item.queue,
                    expected_seconds=item.seconds,
                )
                for item in shown
            ],
            total=len(forecast.items),
            page=page,
            page_size=page_size,
            pages=-(-len(forecast.items) // page_size),
            capped=[CappedOut.model_validate(each) for each in forecast.capped],
            loads=[LoadOut.model_validate(each) for each in forecast.loads],
        )
