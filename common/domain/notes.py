"""Remarks on a schedule, as a code with parameters, and their words in English and Chinese."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.domain.wording import MONTHS, WEEKDAYS, WEEKDAYS_ZH, Lang

_TEXTS: dict[str, tuple[str, str]] = {
    # on one instant
    "gap": ("{date}: {wall} does not exist → runs at {runs}", "{date}：{wall} 不存在 → 改在 {runs} 运行"),
    "first": (
        "{date}: {wall} occurs twice → runs once, at the first",
        "{date}：{wall} 出现两次 → 只在第一次运行",
    ),
    "again": ("{date}: {wall} occurs twice → this is the second", "{date}：{wall} 出现两次 → 这是第二次"),
    "skipped": ("{date}: {wall} does not exist → no run for it", "{date}：{wall} 不存在 → 不运行"),
    "left_out": ("{date}: {why} → skipped", "{date}：{why_zh} → 跳过"),
    "left_out_many": (
        "{date}: {why} → skipped, and {more} more",
        "{date}：{why_zh} → 跳过，另有 {more} 次",
    ),
    "shifted": ("shifted from {weekday} {date}: {why}", "由 {date}（{weekday}）顺延：{why_zh}"),
    # on the schedule
    "unknown_days": (
        "The holidays of {year} are not announced yet: from then on only those fixed by law and weekends are known.",
        "{year} 年的放假安排尚未公布：此后只按法定节日和周末计算。",
    ),
    "collides": (
        "Collides with {count} other tasks at {clock}.",
        "与另外 {count} 个任务同在 {clock} 触发。",
    ),
    "collides_one": ("Collides with 1 other task at {clock}.", "与另外 1 个任务同在 {clock} 触发。"),
    "every_second": (
        "Fires every second: 86,400 executions a day.",
        "每秒触发：每天 86,400 次执行。",
    ),
    "rare": ("Rare: {days} days pass before it fires again.", "很少触发：要过 {days} 天才会再次触发。"),
    "runs_out": ("Fires {count} more times, then never again.", "再触发 {count} 次后不再触发。"),
    "day_or": (
        "Day of month and day of week are both given: it runs when either matches, not only when both do.",
        "同时指定了日期和星期：满足其中之一就会运行，而不是两者都满足才运行。",
    ),
    "short_months": (
        "Months without day {day} are left out; L is the last day of every month.",
        "没有 {day} 日的月份不会运行；L 表示每月最后一天。",
    ),
    "uneven_step": (
        "{step} in the {unit} field starts again at 0: the last gap is shorter than the others.",
        "{unit}字段的 {step} 每轮从 0 重新开始：最后一个间隔比其他的短。",
    ),
    "step_too_long": (
        "{step} in the {unit} field is longer than the field: it means 0 only. An interval can be this long.",
        "{unit}字段的 {step} 超出字段范围：只会在 0 时触发。这么长的间隔请用“间隔”类型。",
    ),
    "hashed": (
        "H stands for a value of the task's own; it stays the same once the task is saved.",
        "H 代表任务自己的固定值；保存任务后保持不变。",
    ),
    "real_time": (
        "An interval counts real time: the local time moves when the clocks change. Use cron to keep it.",
        "间隔按实际时间计算：时钟调整时本地时间会变化。要固定本地时间请用 cron。",
    ),
}
_UNITS_ZH = {"minute": "分钟", "hour": "小时", "second": "秒"}


@dataclass(frozen=True, slots=True)
class Note:
    """One remark; equal codes mean equal things, whatever the language."""

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)

    def text(self, lang: Lang) -> str:
        """Return the sentence in English ("en") or Chinese ("zh")."""
        params = dict(self.params)
        if "month" in params:
            params["date"] = _date(int(params["month"]), int(params["day"]), lang)
        if "weekday" in params:
            names = WEEKDAYS_ZH if lang == "zh" else [name[:3] for name in WEEKDAYS]
            params["weekday"] = names[int(params["weekday"])]
        if lang == "zh" and "unit" in params:
            params["unit"] = _UNITS_ZH[str(params["unit"])]
        return _TEXTS[self.code][lang == "zh"].format(**params)


CODES = frozenset(_TEXTS)


def clock_note(code: str, wall: datetime, runs: datetime) -> Note:
    """A remark on the wall time `wall` that runs when the clock shows `runs`."""
    later = "" if wall.date() == runs.date() else f"{runs:%m-%d} "
    params: dict[str, str | int] = {
        "month": wall.month,
        "day": wall.day,
        "wall": clock(wall),
        "runs": later + clock(runs),
    }
    return Note(code, params)


def clock(wall: datetime) -> str:
    """Hours and minutes, and seconds when there are any."""
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _date(month: int, day: int, lang: Lang) -> str:
    return f"{month} 月 {day} 日" if lang == "zh" else f"{day} {MONTHS[month - 1][:3]}"
