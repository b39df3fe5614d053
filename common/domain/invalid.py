"""The one error a schedule can be refused with, and the mark for texts that are translated elsewhere."""

from collections.abc import Mapping


def N_(message: str) -> str:
    """Mark a text for extraction; it is translated where it is shown (the domain knows no language but English)."""
    return message


class InvalidSchedule(ValueError):
    """A schedule that cannot be kept; the message is a sentence for people and names the way out.

    `template` is the English source with `{name}` places for `params`, `str(error)` both together. `field` says
    which input is wrong: "kind", "expr", "cron", "timezone", "start_at", "end_at", "anchor", "jitter", "calendar",
    "calendar_rule", or the key of an APScheduler-style object.
    """

    def __init__(self, template: str, *, field: str, **params: object) -> None:
        super().__init__(template.format(**params) if params else template)
        self.template = template
        self.params: Mapping[str, object] = params
        self.field = field

    def about(self, field: str) -> "InvalidSchedule":
        """The same refusal for another input."""
        return InvalidSchedule(self.template, field=field, **self.params)
