"""Instants, durations, sizes and numbers as people read them, in their language and zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from zoneinfo import ZoneInfo

from markupsafe import Markup

from common.i18n import N_, html_lang, translations

MINUTE, HOUR, DAY = 60, 3600, 86400
UTC_ZONE = ZoneInfo("UTC")
_MONTHS = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip
_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


@dataclass(frozen=True)
class Locale:
    """Who reads: the language, the zone in which days begin, and the instant that counts as now."""

    lang: str
    now: datetime
    zone: ZoneInfo = UTC_ZONE

    @property
    def t(self) -> NullTranslations:
        return translations(self.lang)

    @property
    def html(self) -> str:
        return html_lang(self.lang)

    @property
    def gap(self) -> str:
        """What stands between two sentences: Chinese has none."""
        return "" if self.lang == "zh_CN" else " "

    @property
    def comma(self) -> str:
        return "，" if self.lang == "zh_CN" else ", "

    def gettext(self, message: str, **values: object) -> str:
        text = self.t.gettext(message) if message else ""
        return text % values if values else text

    def ngettext(self, one: str, many: str, n: int, **values: object) -> str:
        return self.t.ngettext(one, many, n) % {"n": self.number(n), **values}

    def in_zone(self, zone: str) -> "Locale":
        """The same reader with another zone; an unknown one changes nothing."""
        return Locale(self.lang, self.now, zone_of(zone) or self.zone)

    # ---- numbers ----

    def number(self, value: float) -> str:
        return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"

    def size(self, value: int) -> str:
        """Bytes in decimal units: 412 B, 1.5 kB, 214 MB."""
        if value < 1000:
            return f"{value} B"
        amount = float(value)
        for unit in ("kB", "MB", "GB", "TB"):
            amount /= 1000
            if amount < 999.5 or unit == "TB":
                break
        return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"

    # ---- durations ----

    def duration(self, seconds: float) -> str:
        """Two units at most: 20 ms, 3.1 s, 41 s, 1 min 52 s, 1 h 00 min, 6 days 13 h."""
        _ = self.gettext
        if seconds < 0.0995:
            return _("%(n)s ms", n=round(max(seconds, 0) * 1000))
        if seconds < 9.95:
            return _("%(n)s s", n=f"{seconds:.1f}")
        return self.countdown(round(seconds))

    def countdown(self, seconds: int) -> str:
        """Whole seconds; for what lies ahead, where tenths would only flicker."""
        _ = self.gettext
        if seconds < MINUTE:
            return _("%(n)s s", n=seconds)
        if seconds < HOUR:
            return _("%(m)s min %(s)s s", m=seconds // MINUTE, s=f"{seconds % MINUTE:02d}")
        if seconds < DAY:
            return _("%(h)s h %(m)s min", h=seconds // HOUR, m=f"{seconds % HOUR // MINUTE:02d}")
        days, hours = seconds // DAY, seconds % DAY // HOUR
        text = self.ngettext("%(n)s day", "%(n)s days", days)
        return _("%(days)s %(h)s h", days=text, h=hours) if hours and days < 10 else text

    # ---- instants ----

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def clock(self, instant: datetime, *, millis: bool = False) -> str:
        local = self.local(instant)
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}" if millis else f"{local:%H:%M:%S}"

    def date(self, instant: datetime) -> str:
        """9 Nov, and with the year when it is not this one."""
        local = self.local(instant)
        month = self.gettext(_MONTHS[local.month - 1])
        if local.year == self.local(self.now).year:
            return self.gettext("%(day)s %(month)s", day=local.day, month=month)
        return self.gettext("%(day)s %(month)s %(year)s", day=local.day, month=month, year=local.year)

    def full_date(self, instant: datetime) -> str:
        local = self.local(instant)
        month = self.gettext(_MONTHS[local.month - 1])
        return self.gettext("%(day)s %(month)s %(year)s", day=local.day, month=month, year=local.year)

    def weekday(self, instant: datetime) -> str:
        return self.gettext(_WEEKDAYS[self.local(instant).weekday()])

    def offset(self, instant: datetime) -> str:
        text = f"{self.local(instant):%z}"
        return f"{text[:3]}:{text[3:5]}"

    def stamp(self, instant: datetime, *, millis: bool = False) -> str:
        """The clock today, date and clock on other days: always absolute."""
        if self.local(instant).date() == self.local(self.now).date():
            return self.clock(instant, millis=millis)
        return f"{self.date(instant)} {self.clock(instant, millis=millis)}"

    def absolute(self, instant: datetime) -> str:
        """For tooltips: 2026-11-23 02:00:00 Europe/Berlin."""
        return f"{self.local(instant):%Y-%m-%d %H:%M:%S} {self.zone.key}"

    def relative(self, instant: datetime) -> str:
        """in 2 min 41 s, tomorrow 08:30, in 6 days; 12 h ago, yesterday 17:52, 9 Nov."""
        seconds = (instant - self.now).total_seconds()
        return self._ahead(instant, round(seconds)) if seconds > 0 else self._past(instant, round(-seconds))

    def _ahead(self, instant: datetime, seconds: int) -> str:
        _ = self.gettext
        if seconds < DAY:
            return _("in %(time)s", time=self.countdown(seconds))
        if self.local(instant).date() == self.local(self.now).date() + timedelta(days=1):
            return _("tomorrow %(clock)s", clock=f"{self.local(instant):%H:%M}")
        if seconds < 30 * DAY:
            return _("in %(time)s", time=self.ngettext("%(n)s day", "%(n)s days", seconds // DAY))
        return self.date(instant)

    def _past(self, instant: datetime, seconds: int) -> str:
        _ = self.gettext
        if seconds < 1:
            return _("just now")
        if seconds < MINUTE:
            return _("%(time)s ago", time=_("%(n)s s", n=seconds))
        if seconds < HOUR:
            return _("%(time)s ago", time=_("%(n)s min", n=seconds // MINUTE))
        if seconds < DAY:
            return _("%(time)s ago", time=_("%(n)s h", n=seconds // HOUR))
        if self.local(instant).date() == self.local(self.now).date() - timedelta(days=1):
            return _("yesterday %(clock)s", clock=f"{self.local(instant):%H:%M}")
        if seconds < 30 * DAY:
            return _("%(time)s ago", time=self.ngettext("%(n)s day", "%(n)s days", seconds // DAY))
        return self.date(instant)

    def time_tag(self, instant: datetime, text: str | None = None) -> Markup:
        """`<time>` with the instant for machines, the words for people, the absolute time in the tooltip.

        Within an hour the page counts it down by itself (`tick.js`)."""
        counted = text is None and 0 < (instant - self.now).total_seconds() < HOUR
        return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
            instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            self.absolute(instant),
            Markup(" data-in") if counted else "",
            self.relative(instant) if text is None else text,
        )


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of that name, or None: names come from cookies and old rows."""
    try:
        return ZoneInfo(name) if name and len(name) <= 64 else None
    except (KeyError, ValueError, OSError):
        return None
