"""Choosing a data source in the form of a task."""

from api.formats import Locale
from common.datasources.source import KINDS
from common.db.session import ReadSession
from common.queries import data_sources


async def choices(session: ReadSession, chosen: str, locale: Locale) -> list[tuple[str, str]]:
    """The data sources that the reader may use, and the one that is chosen (its id as text), as options of a select."""
    rows = await data_sources.choices(session)
    found = [(str(row.id), f"{row.name} · {KINDS[row.kind].title}") for row in rows]
    if not chosen:
        return [("", locale.gettext("Choose one")), *found]
    if chosen not in dict(found):
        found.append((chosen, locale.gettext("Data source %(id)s", id=chosen)))
    return found
