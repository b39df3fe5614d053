"""How the processes of an execution were ended: who was there, which signals were sent, what was left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.formats import Locale
from common.db.types import Record
from common.domain.states import ACTIVE

Process = Mapping[str, Any]


@dataclass(frozen=True)
class TreeLine:
    """One process: `branch` is what is drawn before its command, deeper for a child."""

    pid: int
    branch: str
    command: str


@dataclass(frozen=True)
class EndingView:
    """The card: a sentence on the signals, the tree, and what a last look found."""

    outcome: str
    sentence: str
    lines: list[TreeLine]
    more: str
    verdict: str


def ending_view(attempts: Sequence[Record], locale: Locale) -> EndingView | None:
    """Of the newest attempt; None when all of its processes had gone by themselves."""
    proof = attempts[-1].proof if attempts else None
    if not proof:
        return None
    left, more = proof["left"], proof["more"]
    none_left = locale.gettext("Looked again: no process of it is left.")
    some_left = locale.ngettext("Looked again: %(n)s process is left.", "Looked again: %(n)s processes are left.", left)
    return EndingView(
        outcome="warning" if left else "success",
        sentence=sentence(proof, locale),
        lines=list(_lines(proof["tree"])),
        more=locale.ngettext("and %(n)s more", "and %(n)s more", more) if more else "",
        verdict=some_left if left else none_left,
    )


def stopped(name: str, endings: Sequence[Record], locale: Locale) -> str:
    """What the answer to a stop says of the executions that ran."""
    _ = locale.gettext
    if any(row.status in ACTIVE for row in endings):
        return _("%(name)s is being stopped.", name=name)
    proofs = [row.proof for row in endings if row.proof]
    if len(endings) == 1 and proofs:
        said = sentence(proofs[0], locale)
        return locale.gap.join((_("%(name)s is stopped.", name=name), said))
    return _("%(name)s is stopped.", name=name)


def sentence(proof: Mapping[str, Any], locale: Locale) -> str:
    """Which signal went to how many processes."""
    sent = [
        locale.ngettext(
            "%(signal)s was sent to %(n)s process.",
            "%(signal)s was sent to %(n)s processes.",
            item["processes"],
            signal=item["signal"],
        )
        for item in proof["signals"]
        if item["processes"]
    ]
    return locale.gap.join(sent)


def _lines(tree: Sequence[Process]) -> Iterator[TreeLine]:
    """Parents before their children; who has no parent in the tree stands at the left."""
    known = {process["pid"] for process in tree}
    children: dict[int, list[Process]] = {}
    for process in tree:
        children.setdefault(process["ppid"] if process["ppid"] in known else 0, []).append(process)
    waiting = [(process, 0) for process in reversed(children.pop(0, []))]
    while waiting:
        process, depth = waiting.pop()
        branch = "\N{NO-BREAK SPACE}" * (2 * depth - 2) + "\N{BOX DRAWINGS LIGHT UP AND RIGHT} " if depth else ""
        yield TreeLine(process["pid"], branch, process["command"])
        waiting += [(child, depth + 1) for child in reversed(children.pop(process["pid"], []))]
