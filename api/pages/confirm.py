"""Asking before something happens: a dialog for htmx, a page without JavaScript, one markup for both."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Request, Response

from api.rendering import render


@dataclass(frozen=True)
class Question:
    """What is about to happen, with number and consequence; the answers are verbs."""

    question: str
    consequence: str
    action: str
    yes: str
    no: str
    back: str = "/ui/tasks"
    danger: bool = False
    fields: Sequence[tuple[str, str]] = field(default_factory=list)


def ask(request: Request, question: Question) -> Response:
    """The question; the answer comes back to the same address with `confirmed`."""
    values = {name: getattr(question, name) for name in question.__dataclass_fields__}
    return render(request, "confirm.html", block="dialog", **values)
