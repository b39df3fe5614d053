"""The downtime report: what was due while no scheduler was at work, and running the chosen ones now."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response

from api.deps import ReadDep, WriteDep
from api.formats import Locale
from api.pages import downtime_views as views
from api.pages.confirm import Question, ask
from api.pages.deps import LocaleDep, PageWriter, RightsDep, WriteLocaleDep
from api.rendering import done, render
from common.i18n import localized
from common.services import downtime

router = APIRouter(prefix=views.URL, include_in_schema=False)
Chosen = Annotated[list[Annotated[int, Path(ge=1, le=2**63 - 1)]], Form(max_length=500)]


@router.get("")
async def show_downtimes(
    request: Request, session: ReadDep, locale: LocaleDep, rights: RightsDep, page: str = "1"
) -> Response:
    """The downtimes of the last thirty days, the newest first."""
    number = max(1, int(page)) if page.isdecimal() and 0 < len(page) < 7 else 1
    gaps, total = await downtime.page(session, since=None, until=None, number=number, size=views.SIZE, now=locale.now)
    view = views.downtime_view(gaps, locale, rights, page=number, total=total)
    return render(request, "downtime.html", block="live", view=view)


@router.post("/run")
async def run_chosen(
    request: Request,
    user: PageWriter,
    session: WriteDep,
    locale: WriteLocaleDep,
    ids: Chosen = [],  # noqa: B006
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Run the chosen ones, each as a new execution; the toast says what became of them."""
    if not ids:
        return done(request, locale.gettext("Nothing is chosen. Tick what should run."), views.URL)
    if not confirmed:
        return ask(request, _question(ids, locale))
    made = await downtime.run(session, ids, by=user.username, now=locale.now)
    return done(request, _answer(made, locale), views.URL)


def _question(ids: Sequence[int], locale: Locale) -> Question:
    _, n = locale.gettext, len(set(ids))
    return Question(
        locale.ngettext("Run %(n)s missed execution now?", "Run %(n)s missed executions now?", n),
        _("Each is queued as a new execution for the instant it missed. One made up for already is not run again."),
        f"{views.URL}/run",
        yes=locale.ngettext("Run %(n)s execution", "Run %(n)s executions", n),
        no=_("Not now"),
        back=views.URL,
        fields=[("ids", str(each)) for each in ids],
    )


def _answer(made: Sequence[downtime.Made], locale: Locale) -> str:
    """How many, and for those that were refused why: each reason once."""
    good = sum(each.error is None for each in made)
    said = [locale.ngettext("Queued %(n)s execution.", "Queued %(n)s executions.", good)] if good else []
    reasons = dict.fromkeys(localized(each.error, locale.lang) for each in made if each.error)
    return locale.gap.join([*said, *list(reasons)[:3]])
