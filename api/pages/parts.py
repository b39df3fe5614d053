"""Small values that several pages show: links, chips, pagers, pickers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from api.formats import Locale
from common.domain.permissions import Right


@dataclass(frozen=True)
class Link:
    """A word that leads somewhere."""

    name: str
    url: str


@dataclass(frozen=True)
class StateChip:
    """An outcome with its word and the page that says more."""

    outcome: str
    text: str
    url: str


@dataclass(frozen=True)
class FilterChip:
    """A choice above a list, with how many rows it has."""

    label: str
    url: str
    current: bool
    count: str | None = None
    outcome: str = ""


@dataclass(frozen=True)
class Option:
    """One line of a picker."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class Picker:
    """A choice among many, as a menu."""

    label: str
    options: list[Option]
    set: bool = False
    glyph: str = ""


@dataclass(frozen=True)
class Pager:
    """Where one is in a long list."""

    text: str
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class Rights:
    """What the reader may do; buttons for the rest are absent."""

    edit: bool = False
    run: bool = False
    own: bool = False

    @classmethod
    def on(cls, right: Right) -> "Rights":
        """What this right on a task lets them press."""
        return cls(edit=right >= Right.EDIT, run=right >= Right.RUN, own=right >= Right.OWN)


@dataclass(frozen=True)
class Address:
    """A list's URL: its filters, and the same with one of them changed. Empty ones are left out."""

    path: str
    values: Mapping[str, str] = field(default_factory=dict)

    def url(self, **changes: str | int | None) -> str:
        """With `changes`; anything but a change of page leads back to the first page."""
        merged = {**self.values, **({} if "page" in changes else {"page": ""}), **changes}
        kept = {key: value for key, value in merged.items() if value not in (None, "", 1, "1")}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path


def pager(
    address: Address, locale: Locale, *, page: int, size: int, shown: int, total: int, least: bool = False
) -> Pager:
    """Where one is; `least`: nobody has counted beyond `total`."""
    first = (page - 1) * size + 1
    _ = locale.gettext
    words = _("%(first)s–%(last)s of at least %(total)s") if least else _("%(first)s–%(last)s of %(total)s")
    numbers = {"first": first, "last": first + shown - 1, "total": total}
    text = words % {name: locale.number(number) for name, number in numbers.items()}
    return Pager(
        text=text if shown else "",
        previous=address.url(page=page - 1) if page > 1 else None,
        next=address.url(page=page + 1) if first + shown - 1 < total else None,
    )
