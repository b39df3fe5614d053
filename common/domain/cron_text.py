"""Reads the text of a cron expression before croniter does: fields, `@` names, and the usual slips.

Every refusal says what to write instead. What croniter reads otherwise than cron does is rewritten here:
`5-5` is minute 5 (croniter 7 takes an equal range for the whole field), `LW` is its `31W`, and `H` as a day
of the month stays within 1-28, so that it exists in every month.
"""

import re
import unicodedata
from typing import NamedTuple

from common.domain.invalid import N_, InvalidSchedule

MAX_LENGTH = 200
FIELD_NAMES = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EQUAL_RANGE = re.compile(r"(?P<value>\w+)-(?P=value)(?:/\d+)?", re.ASCII)
_RANDOM = re.compile(r"r(\(.*\))?(/.*)?", re.ASCII)
_HASHED = re.compile(r"h(\(.*\))?(/.*)?", re.ASCII)
# What NFKC leaves as it is, but an input method produces where cron wants ASCII.
_TYPED = str.maketrans({"、": ",", "。": ".", "，": ",", "—": "-", "–": "-", "－": "-", "×": "*", "∗": "*", "·": " "})


class CronText(NamedTuple):
    """The seven fields, lower case, in the order of FIELD_NAMES; `second` is "0" and `year` "*" when not given."""

    fields: tuple[str, ...]
    has_seconds: bool
    has_year: bool

    @property
    def hashed(self) -> bool:
        return any(_HASHED.fullmatch(field) for field in self.fields)

    def for_croniter(self) -> str:
        """The same expression with as many fields as were given, seconds first."""
        first = 0 if self.has_seconds else 1
        return " ".join(self.fields[first : 7 if self.has_year else 6])


def read(expr: str) -> CronText:
    """Split `expr` into its fields; raises InvalidSchedule for what can be seen without knowing the values."""
    text = expr.strip(" \t\r\n")
    _refuse_unreadable(text)
    text = _expand_name(text.lower())
    parts = text.split()
    if not 5 <= len(parts) <= 7:
        raise _wrong_count(parts)
    has_seconds, has_year = len(parts) > 5, len(parts) > 6
    fields = [*([] if has_seconds else ["0"]), *parts, *([] if has_year else ["*"])]
    return CronText(
        tuple(_rewritten(name, field) for name, field in zip(FIELD_NAMES, fields, strict=True)), has_seconds, has_year
    )


def bad(template: str, **params: object) -> InvalidSchedule:
    """A refusal of the expression itself."""
    return InvalidSchedule(template, field="expr", **params)


def _refuse_unreadable(text: str) -> None:
    if not text:
        raise bad(
            N_('The cron expression is empty. Write five fields, for example "0 2 * * *" for every day at 02:00.')
        )
    if len(text) > MAX_LENGTH:
        raise bad(
            N_("The cron expression is longer than {most} characters. Split it into several schedules."),
            most=MAX_LENGTH,
        )
    if not text.isascii():
        raise _typed_otherwise(text)


def _typed_otherwise(text: str) -> InvalidSchedule:
    """Name the plain spelling of full-width digits and Chinese punctuation, where there is one."""
    plain = " ".join(unicodedata.normalize("NFKC", text.translate(_TYPED)).split())
    if plain.isascii():
        return bad(
            N_('The cron expression has full-width or Chinese characters in it. Did you mean "{plain}"?'), plain=plain
        )
    odd = next(char for char in plain if not char.isascii())
    return bad(
        N_('A cron expression has no "{odd}" in it. Use plain digits, * , - / and the names MON-SUN and JAN-DEC.'),
        odd=odd,
    )


def _expand_name(text: str) -> str:
    if not text.startswith("@"):
        if re.match(r"(cron_)?tz=", text):
            raise bad(N_("Leave TZ= out of the expression; the schedule has a time zone field of its own."))
        return text
    if text in _NAMED:
        return _NAMED[text]
    if text == "@reboot":
        raise bad(N_("@reboot is not a time. Start the task by hand, through the API, or after another task."))
    if text.startswith("@every"):
        raise bad(N_('@every is an interval. Choose the kind "interval" and write, for example, 5m.'))
    raise bad(N_('"{text}" is not known. There are {names}.'), text=text, names=", ".join(_NAMED))


def _wrong_count(parts: list[str]) -> InvalidSchedule:
    if len(parts) == 1:
        return bad(
            N_(
                "A cron expression has 5 fields (minute, hour, day of month, month, day of week), 6 with seconds in"
                " front, 7 with a year behind; this has 1 field: {text}."
                ' For example "30 8 * * 1-5" is 08:30 from Monday to Friday.'
            ),
            text=parts[0],
        )
    return bad(
        N_(
            "A cron expression has 5 fields (minute, hour, day of month, month, day of week), 6 with seconds in front,"
            ' 7 with a year behind; this has {count} fields. For example "30 8 * * 1-5" is 08:30 from Monday to Friday.'
        ),
        count=len(parts),
    )


def _rewritten(name: str, field: str) -> str:
    if _RANDOM.fullmatch(field):
        raise bad(
            N_("R would mean another time at every look. Use H: a time of its own for each task that stays the same.")
        )
    if name == "year" and _HASHED.fullmatch(field):
        raise bad(N_("H cannot stand for a year. Write the years, or leave the field out."))
    if name == "day of month":
        if field == "lw":
            return "31w"
        if _HASHED.fullmatch(field) and "(" not in field:
            return field.replace("h", "h(1-28)")
    return ",".join(_one(item) for item in field.split(","))


def _one(item: str) -> str:
    equal = _EQUAL_RANGE.fullmatch(item)
    return equal["value"] if equal else item
