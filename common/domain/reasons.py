"""Why an instant did or did not run: codes with facts, and their sentences in English and Chinese."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.domain.states import Status
from common.domain.wording import Lang
from common.domain.zones import zone

#: Sentences of the fire ledger and of `why`: code -> (English, Chinese).
_TEXTS: dict[str, tuple[str, str]] = {
    # it ran
    "on_time": ("It ran at {started}.", "已于 {started} 执行。"),
    "late": ("It ran {lateness} late, at {started}.", "延迟 {lateness}，于 {started} 执行。"),
    "success": ("It succeeded.", "执行成功。"),
    "failed": ("It failed: {problem}.", "执行失败：{problem}。"),
    "timed_out": ("It took longer than its timeout and was ended.", "超过超时时间，已结束。"),
    "cancelled": ("It was cancelled.", "已取消。"),
    "cancelled_by": ("{by} cancelled it.", "已被 {by} 取消。"),
    "lost": ("Its worker went away, and nobody knows how it ended.", "工作节点失联，不知道结果如何。"),
    "running": ("It is still running.", "仍在运行。"),
    # it is on its way
    "queued": ("It waits for a slot.", "正在等待槽位。"),
    "waiting": ("It waits for an earlier execution to end.", "正在等待之前的执行结束。"),
    "retrying": ("An attempt failed. The next one starts at {available}.", "尝试失败，将于 {available} 重试。"),
    "jitter": ("Its start is spread: it begins at {available}.", "启动已随机延迟：将于 {available} 开始。"),
    "no_worker": ('No worker serves the queue "{queue}".', "没有工作节点处理队列“{queue}”。"),
    "not_fired": (
        "It was due, and no scheduler has seen it yet.",
        "已到触发时间，但还没有调度器处理。",
    ),
    # it was skipped
    "overlap": (
        "Skipped: the task was still running, and its concurrency policy is to skip.",
        "已跳过：任务仍在运行，并发策略为跳过。",
    ),
    "paused": ("Skipped: the task was paused.", "已跳过：任务处于暂停状态。"),
    "calendar": ("Skipped: the calendar leaves this day out.", "已跳过：日历排除了这一天。"),
    "upstream": ("Skipped: a task before it did not succeed.", "已跳过：上游任务未成功。"),
    # it was missed
    "superseded": (
        "Missed: no scheduler was at work. A later instant ran in its place.",
        "已错过：当时没有调度器工作，之后的一次代替了它。",
    ),
    "grace_over": (
        "Missed: it came so late that its grace time was over.",
        "已错过：太晚，已超出宽限时间。",
    ),
    "policy_skip": (
        "Missed: no scheduler was at work, and the misfire policy is to skip.",
        "已错过：当时没有调度器工作，错过策略为跳过。",
    ),
    "bound": (
        "Missed: no scheduler was at work, and more instants were due than are made up for.",
        "已错过：当时没有调度器工作，到期次数超过补跑上限。",
    ),
    "schedule_broken": (
        "Missed: the schedule could not be read any more and was switched off.",
        "已错过：调度无法解析，已停用。",
    ),
    "skipped": ("Skipped.", "已跳过。"),
    "missed": ("Missed.", "已错过。"),
    # there is nothing
    "not_scheduled": (
        "The schedule names no run at {at}. The nearest are {before} and {after}.",
        "调度在 {at} 没有安排。最近的是 {before} 和 {after}。",
    ),
    "to_come": ("It is still to come: {at}.", "尚未到时间：{at}。"),
    "to_be_left_out": (
        "It is still to come, and will be skipped: {why}.",
        "尚未到时间，届时将跳过：{why_zh}。",
    ),
    "before_creation": ("The task was created later, at {created}.", "任务在此之后（{created}）才创建。"),
    "no_record": (
        "There is no record of it: the schedule was another then, or the history was cleaned up.",
        "没有记录：当时的调度不同，或历史已清理。",
    ),
    # now
    "paused_now": ("It is paused since {since}.", "自 {since} 起暂停。"),
    "paused_now_by": ("{by} paused it at {since}.", "{by} 于 {since} 暂停了它。"),
    "manual_only": ("It has no schedule: it runs when somebody runs it.", "没有调度：仅手动执行。"),
    "over": ("Its schedule is over: nothing is to come.", "调度已结束：不会再执行。"),
    "next": ("Next run at {at}.", "下次执行：{at}。"),
    "next_after_left_out": (
        "Next run at {at}. Before that the calendar leaves out {left_out}: {why}.",
        "下次执行：{at}。在此之前日历排除 {left_out}：{why_zh}。",
    ),
    "running_now": ("It runs since {since}.", "自 {since} 起运行中。"),
    "scheduler_silent": (
        "No scheduler has been at work since {since}.",
        "自 {since} 起没有调度器工作。",
    ),
    "scheduler_never": ("No scheduler is at work.", "没有调度器在工作。"),
    "waiting_for_slot": (
        "It waits for a slot: {before} before it in the queue, {busy} of {slots} slots busy.",
        "正在等待槽位：队列前面还有 {before} 个，{slots} 个槽位中 {busy} 个忙。",
    ),
    "waiting_for_run": (
        "It waits for execution {execution} to end.",
        "正在等待执行记录 {execution} 结束。",
    ),
}
CODES = frozenset(_TEXTS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something did or did not happen. `facts` are what the sentence says, and what a program may read.

    Datetimes among them are instants, floats are seconds.
    """

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: Lang, timezone: str = "UTC", *, instant: Callable[[datetime], str] | None = None) -> str:
        """The sentence in English ("en") or Chinese ("zh"), instants in a zone, or as `instant` writes them."""
        write = instant or (lambda at: f"{at.astimezone(zone(timezone)):%Y-%m-%d %H:%M:%S}")
        shown = {name: _shown(value, lang, write) for name, value in self.facts.items()}
        return _TEXTS[self.code][lang == "zh"].format(**shown)


def sentence(
    reasons: Sequence[Reason], lang: Lang, timezone: str = "UTC", *, instant: Callable[[datetime], str] | None = None
) -> str:
    """Several reasons as one text."""
    return ("" if lang == "zh" else " ").join(reason.text(lang, timezone, instant=instant) for reason in reasons)


def _shown(value: object, lang: Lang, write: Callable[[datetime], str]) -> object:
    if value is None:
        return "—"
    if isinstance(value, datetime):
        return write(value)
    return span(value, lang) if isinstance(value, float) else value


def span(seconds: float, lang: Lang) -> str:
    """A length of time in words: 0.3 s, 42 s, 3 min, 2 h 5 min, 3 d 4 h."""
    day, hour, minute, second = ("d", "h", "min", "s") if lang == "en" else ("天", "小时", "分钟", "秒")
    if seconds < 10:
        return f"{seconds:.1f} {second}"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} {second}"
    if whole < 3600:
        return f"{whole // 60} {minute}"
    large, small, of, per = (day, hour, 86_400, 3600) if whole >= 86_400 else (hour, minute, 3600, 60)
    rest = whole % of // per
    return f"{whole // of} {large}" + (f" {rest} {small}" if rest else "")


def of_row(status: str, reason: str) -> str:
    """The code for an execution that was skipped or missed; one that is not known says what its state says."""
    if reason in CODES:
        return reason
    return "skipped" if status == Status.SKIPPED else "missed"
