"""Sign-in with an OpenID Connect provider: a real one, as a process of its own, that also lies on demand."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from common.clock import Clock
from common.config import Settings, load
from common.db.models import Audit, Throttle, User, UserIdentity, UserSession, table_of
from common.db.session import Database
from common.domain.allowance import Allowance
from common.errors import ConfigurationError
from common.security.oidc import provider_of
from common.services import throttle
from tests.api.conftest import PASSWORD, Api
from tests.api.people import add, enable_totp, signed_in
from tests.support import oidc_provider
from tests.support.oidc_provider import CLIENT, LIN, SECRET

pytestmark = pytest.mark.process

U, I, S, L, T = (table_of(each) for each in (User, UserIdentity, UserSession, Audit, Throttle))  # noqa: E741
HOME = "http://rota.test"


@pytest.fixture(scope="module")
def provider() -> Iterator[oidc_provider.Running]:
    with oidc_provider.running() as process:
        yield process


@pytest.fixture
def database_kind() -> str:
    """Signing in is the same on every engine; `test_identities.py` has what the database decides."""
    return "sqlite"


class Browser:
    """Somebody's browser, at Rota and at the provider."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app, self.client = app, client
        self.database: Database = app.state.database

    def configure(self, issuer: str, **changes: Any) -> None:
        """A Rota with this provider and these settings; what is known of the provider is forgotten."""
        settings = Settings(
            data_dir=self.app.state.settings.data_dir,
            public_url=HOME,
            oidc_issuer=issuer,
            oidc_client_id=CLIENT,
            oidc_client_secret=SecretStr(SECRET),
            oidc_name="Example Ltd",
            **changes,
        )
        self.app.state.settings = settings
        self.app.state.oidc = provider_of(settings, Clock())

    async def leave(self, next_: str = "") -> str:
        """Go to the provider; gives the address it sends the browser back to, with everything in it."""
        away = await self.client.get("/ui/login/oidc", params={"next": next_} if next_ else {})
        assert away.status_code == 303, away.text
        async with httpx.AsyncClient() as there:
            back = await there.get(away.headers["location"])
        assert back.status_code == 303, back.text
        return str(back.headers["location"])

    async def sign_in(self, next_: str = "") -> httpx.Response:
        """All the way there and back."""
        return await self.client.get(await self.leave(next_))

    async def signed_in_as(self) -> str | None:
        """Whose session the browser has."""
        page = await self.client.get("/auth/me")
        return str(page.json()["username"]) if page.status_code == 200 else None

    async def forget_tries(self) -> None:
        """As if hours had passed since the last one."""
        async with self.database.write() as session:
            await session.execute(delete(T))

    async def users(self) -> list[tuple[str, str]]:
        async with self.database.read() as session:
            rows = await session.execute(select(U.c.username, U.c.role).order_by(U.c.id))
            return [(row.username, row.role) for row in rows]


@pytest.fixture
async def browser(app: FastAPI, provider: oidc_provider.Running) -> AsyncIterator[Browser]:
    provider.is_()
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
        made = Browser(app, client)
        made.configure(provider.issuer, oidc_registration=True)
        yield made
    app.state.oidc = None


async def test_somebody_new_becomes_a_viewer_and_comes_back_to_the_page_they_wanted(browser: Browser) -> None:
    page = await browser.client.get("/ui/login?next=/ui/executions")
    assert 'href="/ui/login/oidc?next=/ui/executions"' in page.text
    assert "Sign in with Example Ltd" in page.text
    answer = await browser.sign_in("/ui/executions")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/executions"), answer.text
    assert await browser.signed_in_as() == "lin.yue"
    assert await browser.users() == [("lin.yue", "viewer")]
    async with browser.database.read() as session:
        user = (await session.execute(select(*U.c))).one()
        methods = list(await session.scalars(select(S.c.method)))
    assert (user.display_name, user.email, user.password_hash, methods) == ("林越", LIN["email"], "", ["oidc"])
    assert "single sign-on" in (await browser.client.get("/ui/account/sessions")).text


async def test_they_get_into_the_same_account_whatever_they_are_called_later(
    browser: Browser, provider: oidc_provider.Running
) -> None:
    await browser.sign_in()
    provider.is_(preferred_username="admin", email="other@example.com", name="Somebody")
    await browser.sign_in()
    assert await browser.signed_in_as() == "lin.yue"
    assert len(await browser.users()) == 1


async def test_signing_out_ends_the_session_and_offers_the_provider_too(
    browser: Browser, provider: oidc_provider.Running
) -> None:
    await browser.sign_in()
    page = (await browser.client.get("/ui/tasks")).text
    token = page.partition('name="_csrf" value="')[2].partition('"')[0]
    answer = await browser.client.post("/ui/logout", data={"_csrf": token})
    assert answer.headers["location"] == "/ui/login/oidc/out"
    assert await browser.signed_in_as() is None
    said = (await browser.client.get("/ui/login/oidc/out")).text
    assert "You are signed out of Rota." in said
    assert f'href="{provider.issuer}/logout?client_id={CLIENT}&amp;post_logout_redirect_uri=' in said


async def test_without_a_provider_there_is_no_such_page(browser: Browser) -> None:
    browser.app.state.oidc = None
    assert "oidc" not in (await browser.client.get("/ui/login")).text
    for path in ("", "/callback", "/out"):
        assert (await browser.client.get(f"/ui/login/oidc{path}")).status_code == 404


#: What the provider says that proves nothing: each must end at the login page, with nobody signed in.
LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "0" * 64}},
    "no nonce": {"missing": ["nonce"]},
    "another audience": {"claims": {"aud": "other"}},
    "one audience of several without azp": {"claims": {"aud": [CLIENT, "other"]}},
    "for another of its clients": {"claims": {"aud": [CLIENT, "other"], "azp": "other"}},
    "another audience, asked for by us": {"claims": {"aud": "other", "azp": CLIENT}},
    "no audience": {"missing": ["aud"]},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "an issuer with a slash more": {"claims": {"iss": "{issuer}/"}},
    "no issuer": {"missing": ["iss"]},
    "over": {"claims": {"exp": 1_700_000_000}},
    "no end": {"missing": ["exp"]},
    "an end in words": {"claims": {"exp": "tomorrow"}},
    "issued in a year": {"claims": {"iat": 4_000_000_000}},
    "no subject": {"missing": ["sub"]},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject of another type": {"claims": {"sub": 1}},
    "a subject without end": {"claims": {"sub": "x" * 300}},
    "of another access token": {"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    "unsigned": {"signed": "none"},
    "signed by the client's secret": {"signed": "by the client's secret"},
    "signed by the public key as a secret": {"signed": "by the public key"},
    "signed by another key of the same name": {"signed": "by another"},
    "changed after it was signed": {"signed": "and changed"},
    "no ID token": {"without": ["id_token"]},
    "mixed up with another provider": {"answer": {"iss": "https://evil.example"}},
    "mixed up, without a name": {"answer": {"iss": ""}},
    "another state": {"answer": {"state": "x" * 43}},
    "no state": {"answer": {"state": ""}},
    "no code": {"answer": {"code": ""}},
    "another code": {"answer": {"code": "guess"}},
    "userinfo about somebody else": {"by_userinfo": ["email"], "userinfo": {"sub": "somebody else"}},
}


async def test_what_proves_nothing_lets_nobody_in(browser: Browser, provider: oidc_provider.Running) -> None:
    believed = []
    for name, wrong in LIES.items():
        if wrong.get("claims", {}).get("iss") == "{issuer}/":
            wrong = {"claims": {"iss": f"{provider.issuer}/"}}
        provider.is_(lie=wrong)
        await browser.forget_tries()
        answer = await browser.sign_in()
        if answer.status_code != 401 or 'role="alert"' not in answer.text or await browser.signed_in_as():
            believed.append((name, answer.status_code, answer.text[:300]))
    assert not believed
    assert await browser.users() == []
    provider.is_()
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"end_session_endpoint": "http://evil.example/"},
        {"jwks_uri": None},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    browser: Browser, provider: oidc_provider.Running, said: dict[str, Any]
) -> None:
    provider.is_(lie={"metadata": said})
    answer = await browser.client.get("/ui/login/oidc")
    assert answer.status_code == 502
    assert "does not answer as it should" in answer.text


async def test_a_provider_that_is_away_keeps_nobody_from_using_a_password(browser: Browser, api: Api) -> None:
    browser.configure("http://127.0.0.1:9")
    assert (await browser.client.get("/ui/login/oidc")).status_code == 502
    form = {"username": "admin", "password": PASSWORD}
    assert (await browser.client.post("/ui/login", data=form)).status_code == 303
    assert "You are signed out" not in (await browser.client.get("/ui/login/oidc/out")).text


async def test_an_answer_counts_once_and_in_the_browser_that_asked_only(
    browser: Browser, app: FastAPI, provider: oidc_provider.Running
) -> None:
    back = await browser.leave()
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as victim:
        # Login CSRF: a victim's browser is sent to the end of a sign-in that an attacker began.
        assert (await victim.get(back)).status_code == 401
        await victim.get("/ui/login/oidc")
        assert (await victim.get(back)).status_code == 401
    assert (await browser.client.get(back)).status_code == 303
    async with httpx.AsyncClient(transport=transport, base_url=HOME, cookies=browser.client.cookies) as again:
        assert (await again.get(back)).status_code == 401


async def test_an_error_of_the_provider_is_named_and_nothing_else_of_the_address_is_shown(
    browser: Browser, provider: oidc_provider.Running
) -> None:
    provider.is_(lie={"error": "access_denied", "answer": {"error_description": "<script>alert(1)</script>"}})
    answer = await browser.sign_in()
    assert "The sign-in service said no: access_denied." in answer.text
    provider.is_(lie={"error": "Call 555 0199 to unlock <b>"})
    answer = await browser.sign_in()
    assert (answer.status_code, "555 0199" in answer.text, "<b>" in answer.text) == (401, False, False)


async def test_the_way_back_leads_to_pages_of_ours_only(browser: Browser) -> None:
    answer = await browser.sign_in("https://evil.example/")
    assert answer.headers["location"] == "/ui/home"


async def test_new_keys_of_the_provider_are_fetched(browser: Browser, provider: oidc_provider.Running) -> None:
    assert (await browser.sign_in()).status_code == 303
    provider.is_(new_key=True)
    browser.app.state.oidc._keys.since -= 60  # as if they had been fetched a minute ago
    assert (await browser.sign_in()).status_code == 303


async def test_the_cookie_gives_neither_nonce_nor_verifier_away(browser: Browser) -> None:
    away = await browser.client.get("/ui/login/oidc")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    cookie = away.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert asked["redirect_uri"] == [f"{HOME}/ui/login/oidc/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"][0] not in cookie
    assert len(asked["state"][0]) == 43


# ---- whose account it is ----


async def test_a_verified_address_connects_with_the_account_that_has_it(
    browser: Browser, api: Api, provider: oidc_provider.Running
) -> None:
    await add(api, "yue", "operator", email="LIN.YUE@example.com")
    await browser.sign_in()
    assert await browser.signed_in_as() == "yue"
    async with browser.database.read() as session:
        actions = list(await session.scalars(select(L.c.action).where(L.c.actor == provider.issuer)))
    assert actions == ["user.connect"]
    # It goes by the identity from now on, and an address that passes on to somebody else does not take it along.
    provider.is_(sub="another person")
    answer = await browser.sign_in()
    assert (answer.status_code, "may be somebody else" in answer.text) == (403, True)
    assert len(await browser.users()) == 2


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes"])
async def test_an_address_that_is_not_verified_takes_nobody_s_account(
    browser: Browser, api: Api, provider: oidc_provider.Running, verified: object
) -> None:
    await add(api, "yue", "administrator", email=LIN["email"])
    provider.is_(email_verified=verified)
    await browser.sign_in()
    assert await browser.signed_in_as() == "lin.yue"
    assert ("lin.yue", "viewer") in await browser.users()
    async with browser.database.read() as session:
        assert await session.scalar(select(U.c.email).where(U.c.username == "lin.yue")) == ""


async def test_a_name_takes_nobody_s_account(browser: Browser, api: Api, provider: oidc_provider.Running) -> None:
    for number, name in enumerate(("admin", "ADMIN", "lin\u0000.yue", "\u202eadmin", "<script>", "")):
        provider.is_(sub=str(number), preferred_username=name, email=f"{number}@example.com")
        await browser.sign_in()
        assert await browser.signed_in_as() not in (None, "admin"), name
    assert [role for name, role in await browser.users()] == ["administrator"] + ["viewer"] * 6


async def test_an_address_of_two_accounts_is_nobody_s(browser: Browser, api: Api) -> None:
    for name in ("yue", "lin"):
        await add(api, name, "operator", email=LIN["email"])
    assert (await browser.sign_in()).status_code == 403
    assert await browser.signed_in_as() is None


async def test_a_disabled_account_stays_shut(browser: Browser, api: Api) -> None:
    await browser.sign_in()
    async with browser.database.write() as session:
        await session.execute(update(U).where(U.c.username == "lin.yue").values(is_active=False))
    answer = await browser.sign_in()
    assert (answer.status_code, "disabled" in answer.text) == (403, True)
    assert await browser.signed_in_as() is None


async def test_nobody_new_gets_in_unless_that_is_allowed(browser: Browser, provider: oidc_provider.Running) -> None:
    browser.configure(provider.issuer)
    answer = await browser.sign_in()
    assert (answer.status_code, "You have no account here." in answer.text) == (403, True)
    assert await browser.users() == []
    async with browser.database.read() as session:
        refused = (await session.execute(select(L.c.action, L.c.outcome, L.c.details))).one()
    assert (refused.action, refused.outcome, refused.details["method"]) == ("signin", "refused", "oidc")


async def test_only_people_of_certain_domains(browser: Browser, provider: oidc_provider.Running) -> None:
    browser.configure(provider.issuer, oidc_registration=True, oidc_domains=["Example.com"])
    for person in (
        {"email": "x@evil.example"},
        {"email": "x@example.com.evil.example"},
        {"email": "example.com"},
        {"email": "x@example.com", "email_verified": False},
        {"email": ""},
    ):
        provider.is_(**person)
        assert (await browser.sign_in()).status_code == 403, person
    assert await browser.users() == []
    provider.is_()
    assert (await browser.sign_in()).status_code == 303


async def test_groups_give_roles_and_take_them_away(
    browser: Browser, api: Api, provider: oidc_provider.Running
) -> None:
    roles = ["rota-admins=administrator", "ops=operator", "staff=viewer"]
    browser.configure(provider.issuer, oidc_registration=True, oidc_roles=roles)
    provider.is_(groups=["others"])
    answer = await browser.sign_in()
    assert (answer.status_code, "none of them" in answer.text) == (403, True)
    for groups, role in ((["staff", "ops"], "operator"), (["rota-admins"], "administrator"), ("staff", "viewer")):
        provider.is_(groups=groups)
        before = await browser.signed_in_as()
        await browser.sign_in()
        assert await browser.users() == [("admin", "administrator"), ("lin.yue", role)], before
    provider.is_(groups=[])
    await browser.sign_in()
    async with browser.database.read() as session:  # what they had stays until it ends: they are told so, no more
        assert (await session.scalar(select(func.count()).select_from(S)) or 0) >= 1


async def test_a_group_cannot_depose_the_last_administrator(browser: Browser, provider: oidc_provider.Running) -> None:
    browser.configure(provider.issuer, oidc_registration=True, oidc_roles=["a=administrator", "v=viewer"])
    provider.is_(groups=["a"])
    await browser.sign_in()
    provider.is_(groups=["v"])
    await browser.sign_in()
    assert await browser.users() == [("lin.yue", "administrator")]


async def test_claims_that_are_said_at_userinfo_only_count_too(
    browser: Browser, provider: oidc_provider.Running
) -> None:
    browser.configure(
        provider.issuer, oidc_registration=True, oidc_roles=["ops=operator"], oidc_groups_claim="realm_access.roles"
    )
    lie = {"by_userinfo": ["email", "email_verified", "preferred_username", "realm_access"]}
    provider.is_(lie=lie, realm_access={"roles": ["ops"]})
    await browser.sign_in()
    assert await browser.users() == [("lin.yue", "operator")]
    async with browser.database.read() as session:
        assert await session.scalar(select(U.c.email)) == LIN["email"]


async def test_a_second_factor_of_the_account_still_counts(
    browser: Browser, api: Api, provider: oidc_provider.Running
) -> None:
    await add(api, "yue", "operator", email=LIN["email"])
    async with signed_in(api, "yue") as person:
        phone, _ = await enable_totp(person)
    answer = await browser.sign_in("/ui/executions")
    assert (answer.status_code, await browser.signed_in_as()) == (200, None)
    ticket = answer.text.partition('name="ticket" value="')[2].partition('"')[0]
    form = {"ticket": ticket, "code": phone.code(), "next": "/ui/executions"}
    assert (await browser.client.post("/ui/login/code", data=form)).headers["location"] == "/ui/executions"
    assert await browser.signed_in_as() == "yue"


async def test_who_comes_by_the_provider_owes_no_password_and_no_second_factor(
    browser: Browser, api: Api, provider: oidc_provider.Running
) -> None:
    """Roles that must have a second factor must have it to sign in with a password."""
    await add(api, "yue", "operator", email=LIN["email"], must_change_password=True)
    browser.configure(provider.issuer, totp_required=["operator"])
    await browser.sign_in()
    assert (await browser.client.get("/ui/tasks")).status_code == 200


async def test_guessing_codes_is_slowed_down(
    browser: Browser, provider: oidc_provider.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "ADDRESS", Allowance(3, 60))
    provider.is_(lie={"answer": {"code": ""}})
    for _ in range(3):
        assert (await browser.sign_in()).status_code == 401
    answer = await browser.sign_in()
    assert (answer.status_code, bool(answer.headers["retry-after"])) == (429, True)


# ---- settings ----


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"oidc_issuer": "http://id.example.com"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "https://id.example.com?x=1"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "/realm"}, "OIDC_ISSUER"),
        ({"oidc_client_id": ""}, "OIDC_ISSUER"),
        ({"public_url": ""}, "OIDC_ISSUER"),
        ({"oidc_scopes": ["email"]}, "OIDC_ISSUER"),
        ({"oidc_roles": ["admins=root"]}, "OIDC_ROLES"),
        ({"oidc_roles": ["=viewer"]}, "OIDC_ROLES"),
    ],
)
def test_settings_that_will_not_do_stop_the_start(tmp_path: Path, wrong: dict[str, Any], named: str) -> None:
    good = {"oidc_issuer": "https://id.example.com/realm", "oidc_client_id": "rota", "public_url": "https://rota.test"}
    assert load(data_dir=tmp_path, **good).oidc_scopes == ["openid", "profile", "email"]
    with pytest.raises(ConfigurationError, match=named):
        load(data_dir=tmp_path, **{**good, **wrong})


def test_without_the_packages_the_start_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        data_dir=tmp_path, oidc_issuer="https://id.example.com", oidc_client_id="rota", public_url="https://rota.test"
    )
    monkeypatch.setattr("common.security.oidc.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"rota\[oidc\]"):
        provider_of(settings, Clock())
