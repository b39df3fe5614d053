"""Codes of the database as words of the page: states, triggers, reasons, policies, and the verdict sentence."""

import signal as signals
from dataclasses import dataclass
from datetime import datetime

from api.formats import Locale
from common import kinds
from common.i18n import N_

STATES = {
    "waiting": N_("Waiting"),
    "queued": N_("Queued"),
    "running": N_("Running"),
    "success": N_("Success"),
    "failed": N_("Failed"),
    "timed_out": N_("Timed out"),
    "cancelled": N_("Cancelled"),
    "lost": N_("Lost"),
    "skipped": N_("Skipped"),
    "missed": N_("Missed"),
}
#: Icon and name of each kind of task.
KINDS = {kind.name: (kind.icon, kind.title) for kind in kinds.KINDS.values()}
CONCURRENCY = {
    "skip": N_("Skip the new run"),
    "queue": N_("Queue it, run it afterwards"),
    "replace": N_("Stop the old one, start the new one"),
    "allow": N_("Let both run"),
}
DELIVERY = {
    "at_most_once": N_("Call it lost, never run it twice"),
    "at_least_once": N_("Run it again: that does no harm"),
}
MISFIRE = {
    "latest": N_("Run once, for the latest"),
    "all": N_("Run for each of them"),
    "skip": N_("Skip them"),
}


@dataclass(frozen=True)
class Ran:
    """What the verdict is made of: an execution, or one attempt of it."""

    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    worker: str = ""
    by: str = ""
    reason: str = ""

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken so far; None when it never started."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or now) - self.started_at).total_seconds())


def state(status: str, locale: Locale) -> str:
    return locale.gettext(STATES.get(status, status))


def trigger(code: str, by: str, locale: Locale) -> str:
    """Who or what set it off."""
    _ = locale.gettext
    if code in ("manual", "api", "forced"):
        return _("By hand, %(name)s", name=by) if by else _("By hand")
    if code in ("schedule", "cron"):
        return _("Schedule")
    if code == "backfill":
        return _("Made up for, %(name)s", name=by) if by else _("Made up for")
    return f"{code}, {by}" if by else code


def reason(code: str, locale: Locale) -> str:
    """Why something did not run."""
    _ = locale.gettext
    known = {
        "overlap": _("the run before was still going"),
        "grace_over": _("its grace time was over"),
        "superseded": _("a newer run took its place"),
        "policy_skip": _("the task does not make up for missed runs"),
        "bound": _("too many were missed at once"),
        "schedule_broken": _("the schedule could not be read any more"),
        "paused": _("the task was paused"),
        "calendar": _("the calendar leaves this day out"),
    }
    return known.get(code, code.replace("_", " "))


def verdict(ran: Ran, locale: Locale, *, attempt: int, attempts: int, next_try: datetime | None = None) -> str:
    """The first line of an execution: what came of it, in a sentence, and what happens next."""
    said = (
        _ended(ran, locale, attempt, attempts)
        if ran.status in _ENDINGS
        else _unfinished(ran, locale, attempt, attempts)
    )
    if next_try is None:
        return said
    if next_try <= locale.now:
        then = locale.gettext("Next try as soon as a worker is free.")
    else:
        then = locale.gettext("Next try %(when)s.", when=locale.relative(next_try))
    return f"{said}{locale.gap}{then}"


_ENDINGS = {"success", "failed", "timed_out", "cancelled", "lost"}


def _unfinished(ran: Ran, locale: Locale, attempt: int, attempts: int) -> str:
    _ = locale.gettext
    if ran.status == "running":
        time = locale.duration(ran.seconds(locale.now) or 0)
        if attempt > 1:
            return _(
                "Running for %(time)s, attempt %(n)s of %(all)s.", time=time, n=attempt, all=max(attempt, attempts)
            )
        return _("Running for %(time)s.", time=time)
    if ran.status in ("skipped", "missed"):
        word = _("Skipped: %(reason)s.") if ran.status == "skipped" else _("Missed: %(reason)s.")
        return word % {"reason": reason(ran.reason, locale)} if ran.reason else f"{state(ran.status, locale)}."
    if ran.status == "waiting":
        return _("Waits for the tasks before it.")
    return _("Queued. It starts as soon as a worker is free.")


def _ended(ran: Ran, locale: Locale, attempt: int, attempts: int) -> str:
    _ = locale.gettext
    seconds = ran.seconds(locale.now)
    values = {"time": locale.duration(seconds or 0), "n": attempt, "all": max(attempt, attempts)}
    many = attempt > 1 or attempts > 1
    if ran.status == "success":
        return (
            _("Success in %(time)s, attempt %(n)s of %(all)s.", **values)
            if attempt > 1
            else _("Success in %(time)s.", **values)
        )
    if ran.status == "timed_out":
        text = N_("Timed out after %(time)s, attempt %(n)s of %(all)s.") if many else N_("Timed out after %(time)s.")
        return _(text, **values)
    if ran.status == "lost":
        return _("Lost: %(worker)s stopped answering while it ran.", worker=ran.worker or _("the worker"))
    if ran.status == "cancelled":
        return _cancelled(ran, locale, seconds)
    return _failed(ran, locale, values, many=many)


def _cancelled(ran: Ran, locale: Locale, seconds: float | None) -> str:
    _ = locale.gettext
    if seconds is None:
        return (
            _("Cancelled by %(name)s before it started.", name=ran.by) if ran.by else _("Cancelled before it started.")
        )
    time = locale.duration(seconds)
    return (
        _("Stopped by %(name)s after %(time)s.", name=ran.by, time=time)
        if ran.by
        else _("Stopped after %(time)s.", time=time)
    )


def _failed(ran: Ran, locale: Locale, values: dict[str, object], *, many: bool) -> str:
    _ = locale.gettext
    if ran.signal:
        values = {**values, "signal": signal_name(ran.signal)}
        text = (
            N_("Ended by signal %(signal)s after %(time)s, attempt %(n)s of %(all)s.")
            if many
            else N_("Ended by signal %(signal)s after %(time)s.")
        )
    elif ran.exit_code is not None:
        values = {**values, "code": ran.exit_code}
        text = (
            N_("Failed with exit code %(code)s after %(time)s, attempt %(n)s of %(all)s.")
            if many
            else N_("Failed with exit code %(code)s after %(time)s.")
        )
    else:
        text = N_("Could not be run, attempt %(n)s of %(all)s.") if many else N_("Could not be run.")
    return _(text, **values)


def signal_name(number: int) -> str:
    try:
        return f"{number} ({signals.Signals(number).name})"
    except ValueError:
        return str(number)


def outcome_short(ran: Ran, locale: Locale) -> str:
    """For the state history: exit code 2, signal 9 (SIGKILL), timed out."""
    _ = locale.gettext
    if ran.status == "failed" and ran.signal:
        return _("signal %(signal)s", signal=signal_name(ran.signal))
    if ran.status == "failed" and ran.exit_code is not None:
        return _("exit code %(code)s", code=ran.exit_code)
    return state(ran.status, locale)
