"""Pages from templates: one environment, one `render` that answers with the page or with named blocks of it."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth import csrf_token
from api.csp import policy
from api.formats import UTC_ZONE, Locale, zone_of
from api.places import HOME, grouped
from common.i18n import LANGUAGES, negotiate
from common.paths import STATIC, TEMPLATES
from common.version import __version__

LANG_COOKIE, THEME_COOKIE, ZONE_COOKIE, FLASH_COOKIE = "rota_lang", "rota_theme", "rota_tz", "rota_flash"
THEMES = ("system", "light", "dark")


# ---- who reads ----


def locale_of(request: Request, now: datetime | None = None) -> Locale:
    """The reader's language, zone and now (`now`, where the page knows the database's); made once per request."""
    known = getattr(request.state, "locale", None)
    if isinstance(known, Locale) and now is None:
        return known
    request.state.locale = Locale(
        lang=negotiate(request.cookies.get(LANG_COOKIE), request.headers.get("accept-language")),
        now=now or request.app.state.clock.local(),
        zone=zone_of(unquote(request.cookies.get(ZONE_COOKIE, ""))) or UTC_ZONE,
    )
    return request.state.locale  # type: ignore[no-any-return]


def theme_of(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "system")
    return theme if theme in THEMES else "system"


def is_fragment(request: Request) -> bool:
    """htmx asked for a part of the page (and does not restore its history, which needs all of it)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


# ---- environment ----


@cache
def _digest(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def static_url(path: str) -> str:
    """A URL that changes with the content, so that the answer may be cached for ever."""
    return f"/static/{path}?v={_digest(path)}"


@cache
def _outcome_shapes() -> Mapping[str, Markup]:
    """Shapes of the outcome icons, out of the sprite: inline, because their cut-outs take the ground they lie on."""
    sprite = (STATIC / "icons.svg").read_text("utf-8")
    found = re.findall(r'<symbol id="o-(\w+)" viewBox="0 0 16 16">(.*?)</symbol>', sprite)
    return {name: Markup(shape) for name, shape in found}


def outcome_icon(outcome: str) -> Markup:
    return Markup('<svg class="oi o-{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>').format(
        outcome, _outcome_shapes().get(outcome, _outcome_shapes()["dot"])
    )


def icon(name: str, small: bool = False) -> Markup:
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        "i i-sm" if small else "i", static_url("icons.svg"), name
    )


@pass_context
def _gettext(context: Context, message: str) -> str:
    locale: Locale = context["locale"]
    return locale.t.gettext(message)


@pass_context
def _ngettext(context: Context, one: str, many: str, n: int) -> str:
    locale: Locale = context["locale"]
    return locale.t.ngettext(one, many, n)


@cache
def environment() -> Environment:
    """The one Jinja environment: everything is escaped, a name that is not there is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        static_url=static_url,
        icon=icon,
        outcome_icon=outcome_icon,
        version=__version__,
        languages=LANGUAGES,
        navigation=grouped,
        home=HOME,
    )
    return env


# ---- answers ----


def render(
    request: Request,
    name: str,
    *,
    block: str | Sequence[str] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    code: bool = False,
    **values: Any,
) -> HTMLResponse:
    """The page `name`; only its `block`s (one source of markup) when htmx asks and blocks are named.

    With `code` the page gets the code editor for its `<textarea data-code=…>`.
    """
    nonce = secrets.token_urlsafe(16) if code else ""
    fragment = is_fragment(request) and block is not None
    template = environment().get_template(name)
    context = template.new_context({**page_context(request), "fragment": fragment, "csp_nonce": nonce, **values})
    if fragment and block is not None:
        names = [block] if isinstance(block, str) else block
        body = "".join("".join(template.blocks[each](context)) for each in names)
    else:
        body = "".join(template.root_render_func(context))
    response = HTMLResponse(body, status_code=status, headers=dict(headers or {}))
    response.headers["Vary"] = "HX-Request, Accept-Language, Cookie"
    response.headers["Content-Language"] = values.get("locale", locale_of(request)).html
    response.headers.setdefault("Cache-Control", "no-store")
    if nonce:
        response.headers["Content-Security-Policy"] = policy(nonce)
    if not fragment and FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response


def page_context(request: Request) -> dict[str, Any]:
    """What every page knows."""
    return {
        "locale": locale_of(request),
        "theme": theme_of(request),
        "user": getattr(request.state, "principal", None),
        "csrf_token": csrf_token(request),
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "flash": _read_flash(request),
    }


def render_error(
    request: Request, *, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """What went wrong: a toast for htmx, a page otherwise."""
    if is_fragment(request):
        toast = {"rota:toast": {"text": detail or title, "link": None}}
        return Response(status_code=status, headers={**(headers or {}), "HX-Trigger": json.dumps(toast)})
    return render(request, "error.html", status=status, headers=headers, title=title, message=detail)


@dataclass(frozen=True)
class Undo:
    """The request that takes an action back."""

    url: str
    values: Mapping[str, Any]


def done(
    request: Request,
    message: str,
    to: str,
    *,
    leave: bool = False,
    link: str | None = None,
    undo: Undo | None = None,
    refused: Mapping[int, str] | None = None,
) -> Response:
    """An action is done: a toast and fresh parts for htmx, else (or to `leave` the page) a redirect with a flash.

    `undo` is offered in the toast; `refused` says of rows, by their ids, why nothing was done to them.
    """
    toast: dict[str, Any] = {"text": message, "link": link}
    if is_fragment(request) and not leave:
        told: dict[str, Any] = {"rota:toast": toast | ({"undo": asdict(undo)} if undo else {}), "rota:refresh": ""}
        if refused:
            told["rota:refused"] = {"rows": {str(key): why for key, why in refused.items()}}
        return Response(status_code=204, headers={"HX-Trigger": json.dumps(told)})
    response: Response
    if is_fragment(request):
        response = Response(status_code=204, headers={"HX-Redirect": local_path(to)})
    else:
        response = RedirectResponse(local_path(to), status_code=303)
    set_flash(response, toast)
    return response


def set_flash(response: Response, toast: Mapping[str, object]) -> None:
    response.set_cookie(
        FLASH_COOKIE,
        quote(json.dumps({**toast, "text": str(toast["text"])[:400]})),
        max_age=60,
        path="/",
        httponly=True,
        samesite="lax",
    )


def remember(request: Request, response: Response, cookie: str, value: str) -> None:
    """Keep a preference for a year."""
    secure = request.url.scheme == "https"
    response.set_cookie(cookie, value, max_age=31_536_000, path="/", httponly=True, samesite="lax", secure=secure)


def _read_flash(request: Request) -> dict[str, str | None] | None:
    """The message of the request before, once; anything odd in the cookie counts as none."""
    try:
        flash = json.loads(unquote(request.cookies.get(FLASH_COOKIE, "")))
        link = flash.get("link")
        return {"text": str(flash["text"]), "link": local_path(link) if isinstance(link, str) else None}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def local_path(url: str | None, fallback: str = HOME) -> str:
    """Only paths of our own: what came in as `next` or `back` must not lead to another host."""
    if not url or not url.startswith("/") or url.startswith(("//", "/\\")) or any(ord(c) < 32 for c in url):
        return fallback
    parts = urlsplit(url)
    return fallback if parts.scheme or parts.netloc else url
