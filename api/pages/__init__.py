"""Owns the HTML pages: thin routes, and the views that put what services return into words and shapes.

`public` is what everybody may see, `private` what needs somebody signed in, `own` what each may do with themselves.
"""

from fastapi import APIRouter, Depends

from api.auth import require_page_person, require_page_user
from api.pages import (
    account,
    account_identities,
    account_keys,
    account_totp,
    audit,
    calendars,
    data_sources,
    downtime,
    events,
    executions,
    files,
    home,
    ledger,
    oidc,
    palette,
    people,
    people_actions,
    preferences,
    programs,
    queues,
    session,
    sharing,
    system,
    task_actions,
    task_tabs,
    task_tags,
    tasks,
    teams,
    timeline,
    uploads,
    workers,
)

public = APIRouter()
public.include_router(session.public)
public.include_router(oidc.public)

private = APIRouter(dependencies=[Depends(require_page_user)])
for _router in (
    home.router,
    system.router,
    queues.router,
    workers.router,
    timeline.router,
    events.router,
    palette.router,
    tasks.router,
    task_tags.router,
    task_actions.router,
    task_tabs.router,
    ledger.router,
    tasks.preview_router,
    executions.router,
    files.router,
    downtime.router,
    calendars.router,
    programs.router,
    data_sources.router,
    uploads.router,
    teams.router,
    sharing.router,
    audit.router,
    account.router,
    account_keys.router,
    account_identities.router,
    people.router,
    people_actions.router,
):
    private.include_router(_router)

#: For people who are signed in, also those who must change their password first.
own = APIRouter(dependencies=[Depends(require_page_person)])
for _router in (preferences.router, session.own, account.own, account_totp.own):
    own.include_router(_router)
