"""Names of files out of a template: `{{ task_name }}-{{ date }}`. Values and filters from fixed lists, nothing else.

A template is written by one person and rendered on a worker: no loops, no arithmetic, no attributes but a time's
`strftime`, so that none can take long, grow large, or reach for what is not its business.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.domain.invalid import N_

#: Longest template, and longest name that comes of one (in bytes; file systems and mails take 255).
LONGEST, MOST_BYTES = 200, 180
FILTERS = frozenset({"lower", "upper", "title", "trim", "replace"})
_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_PATTERN = 50

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class InvalidTemplate(ValueError):
    """A template that cannot be rendered; `template` is the English source of why, with places for `params`."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params))
        self.template = template
        self.params: Mapping[str, object] = params


def values(*, task_name: str, execution_id: int, attempt: int, scheduled: datetime) -> dict[str, Any]:
    """What a template can name. `scheduled` is when the run was due, in the zone of the export."""
    day = scheduled.date()
    first = day.replace(day=1)
    return {
        "task_name": task_name,
        "execution_id": execution_id,
        "attempt": attempt,
        "scheduled": scheduled,
        "date": day.isoformat(),
        "time": scheduled.strftime("%H%M%S"),
        "year": f"{day.year:04d}",
        "month": f"{day.month:02d}",
        "day": f"{day.day:02d}",
        "hour": f"{scheduled.hour:02d}",
        "minute": f"{scheduled.minute:02d}",
        "week": f"{day.isocalendar().week:02d}",
        "yesterday": (day - timedelta(days=1)).isoformat(),
        "last_month": (first - timedelta(days=1)).strftime("%Y-%m"),
    }


_SAMPLE = values(task_name="x", execution_id=1, attempt=1, scheduled=datetime(2026, 1, 2, 3, 4))  # noqa: DTZ001
NAMES = tuple(_SAMPLE)


def check(template: str) -> None:
    """Raise InvalidTemplate, saying what is wrong, for a template that cannot be rendered."""
    try:
        tree = _environment.parse(template)
    except TemplateError as error:
        raise InvalidTemplate(N_("Not a template: {why}"), why=str(error)) from None
    for node in _walk(tree):
        _check(node)
    try:
        _environment.from_string(template).render(_SAMPLE)
    except (TemplateError, ValueError, TypeError) as error:
        raise InvalidTemplate(N_("Not a template: {why}"), why=str(error)) from None


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        if not _is_strftime(child):
            yield from _walk(child)


def _is_strftime(node: nodes.Node) -> bool:
    """`scheduled.strftime("%Y%m%d")` with a short pattern."""
    match node:
        case nodes.Call(
            node=nodes.Getattr(node=nodes.Name(name="scheduled"), attr="strftime"), args=[nodes.Const() as one]
        ):
            plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs)
            return plain and isinstance(one.value, str) and len(one.value) <= _PATTERN
    return False


def _check(node: nodes.Node) -> None:
    if isinstance(node, nodes.Name) and node.name not in NAMES:
        raise InvalidTemplate(N_("There is no {name} here. There are: {names}"), name=node.name, names=", ".join(NAMES))
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        names = ", ".join(sorted(FILTERS))
        raise InvalidTemplate(N_("There is no filter {name} here. There are: {names}"), name=node.name, names=names)
    if not isinstance(node, _ALLOWED):
        raise InvalidTemplate(
            N_('Only values such as {{{{ date }}}}, filters, and scheduled.strftime("%Y%m%d") may stand in a name.')
        )


def render(template: str, known: Mapping[str, Any], extension: str) -> str:
    """The name for a template that `check` has passed, with its extension; safe as a file's name everywhere."""
    name = _environment.from_string(template).render(known)
    name = name.removesuffix(f".{extension}")
    name = _UNSAFE.sub("_", name).strip(" .") or "export"
    kept = name.encode("utf-8", "ignore")[:MOST_BYTES].decode("utf-8", "ignore").strip(" .")
    return f"{kept}.{extension}"
