"""The one error a schedule can be refused with."""


class InvalidSchedule(ValueError):
    """A schedule that cannot be kept; the message is a sentence for people and names the way out.

    `field` says which input is wrong: "kind", "expr", "cron", "timezone", "start_at", "end_at", "anchor",
    "jitter", or the key of an APScheduler-style object.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
