"""A small OpenID Connect provider as a process: discovery, keys, codes with PKCE, signed ID tokens, userinfo.

It keeps to the rules and refuses clients that do not. `POST /control` says who is signed in at its browser, and which
lie it tells next; that is what tests of a client need.

    python -m tests.support.oidc_provider PORT
"""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.canaries import CANARIES
from tests.support.eventually import eventually_sync
from tests.support.rota_process import ROOT, free_port

CLIENT, SECRET = "rota", CANARIES["secret of the OpenID Connect client"]
#: What somebody looks like who has said nothing else.
LIN = {
    "sub": "248289761001",
    "email": "lin.yue@example.com",
    "email_verified": True,
    "preferred_username": "lin.yue",
    "name": "林越",
    "groups": [],
}


@dataclass
class State:
    """What the provider knows."""

    issuer: str
    person: dict[str, Any] = field(default_factory=lambda: dict(LIN))
    #: How the next answers are wrong.
    lie: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    #: Access tokens, and whom they stand for.
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))


def metadata(state: State) -> dict[str, Any]:
    """The provider's description of itself."""
    return {
        "issuer": state.issuer,
        "authorization_endpoint": f"{state.issuer}/authorize",
        "token_endpoint": f"{state.issuer}/token",
        "jwks_uri": f"{state.issuer}/keys",
        "userinfo_endpoint": f"{state.issuer}/userinfo",
        "end_session_endpoint": f"{state.issuer}/logout",
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        **state.lie.get("metadata", {}),
    }


async def describe(request: Request) -> Response:
    return JSONResponse(metadata(request.app.state.provider))


async def keys(request: Request) -> Response:
    return JSONResponse(KeySet([request.app.state.provider.key]).as_dict(private=False))


async def authorize(request: Request) -> Response:
    """The person is signed in here already and agrees at once."""
    state: State = request.app.state.provider
    asked = dict(request.query_params)
    needed = {"state", "nonce", "code_challenge", "redirect_uri"}
    right = asked.get("client_id") == CLIENT and asked.get("code_challenge_method") == "S256"
    if not needed <= asked.keys() or not right or asked.get("response_type") != "code":
        return JSONResponse({"error": "invalid_request", "asked": asked}, 400)
    answer = {"state": asked["state"], "iss": state.issuer}
    if "error" in state.lie:
        answer["error"] = state.lie["error"]
    else:
        answer["code"] = secrets.token_urlsafe(16)
        state.codes[answer["code"]] = asked
    answer |= state.lie.get("answer", {})
    return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)


async def token(request: Request) -> Response:
    """Exchange a code, once, for the client that asked for it and proves so."""
    state: State = request.app.state.provider
    form = {name: str(value) for name, value in (await request.form()).items()}
    basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {basic}":
        return JSONResponse({"error": "invalid_client"}, 401)
    asked = state.codes.pop(form.get("code", ""), None)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
    if (
        asked is None
        or form.get("grant_type") != "authorization_code"
        or form.get("redirect_uri") != asked["redirect_uri"]
        or challenge.decode() != asked["code_challenge"]
    ):
        return JSONResponse({"error": "invalid_grant"}, 400)
    access = secrets.token_urlsafe(16)
    state.tokens[access] = state.person
    id_token = _id_token(state, asked["nonce"], access)
    answer = {"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": id_token}
    return JSONResponse({name: value for name, value in answer.items() if name not in state.lie.get("without", ())})


def _id_token(state: State, nonce: str, access: str) -> str:
    now = int(time.time())
    half = hashlib.sha256(access.encode()).digest()[:16]
    claims = {
        "iss": state.issuer,
        "aud": CLIENT,
        "nonce": nonce,
        "iat": now,
        "exp": now + 60,
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        **{name: value for name, value in state.person.items() if name not in state.lie.get("by_userinfo", ())},
        **state.lie.get("claims", {}),
    }
    claims = {name: value for name, value in claims.items() if name not in state.lie.get("missing", ())}
    match state.lie.get("signed"):
        case "none":
            parts = [{"alg": "none", "kid": "first"}, claims]
            return ".".join([_part(json.dumps(each).encode()) for each in parts] + [""])
        case "by the client's secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 2))
        case "by the public key":
            # By hand: the library refuses to make such a token.
            parts = [{"alg": "HS256", "kid": state.key.kid}, claims]
            signing = ".".join(_part(json.dumps(each).encode()) for each in parts)
            mac = hmac.digest(state.key.as_pem(private=False), signing.encode(), "sha256")
            return f"{signing}.{_part(mac)}"
        case "by another":
            other = RSAKey.generate_key(2048, {"kid": "first"})
            return jwt.encode({"alg": "RS256", "kid": "first"}, claims, other)
    signed = jwt.encode({"alg": "RS256", "kid": state.key.kid}, claims, state.key)
    if state.lie.get("signed") == "and changed":
        head, _, signature = signed.split(".")
        return ".".join([head, _part(json.dumps({**claims, "sub": "somebody else"}).encode()), signature])
    return signed


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def userinfo(request: Request) -> Response:
    state: State = request.app.state.provider
    person = state.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
    if person is None:
        return JSONResponse({"error": "invalid_token"}, 401)
    return JSONResponse({**person, **state.lie.get("userinfo", {})})


async def logout(request: Request) -> Response:
    return RedirectResponse(request.query_params["post_logout_redirect_uri"], 303)


async def control(request: Request) -> Response:
    """Who is signed in, which lie is told, and whether the keys change."""
    state: State = request.app.state.provider
    order = await request.json()
    state.person = {**LIN, **order.get("person", {})}
    state.lie = order.get("lie", {})
    if order.get("new_key"):
        state.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
    return JSONResponse({})


def app(issuer: str) -> Starlette:
    """The provider that calls itself `issuer`."""
    made = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", describe),
            Route("/keys", keys),
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
            Route("/userinfo", userinfo),
            Route("/logout", logout),
            Route("/control", control, methods=["POST"]),
        ]
    )
    made.state.provider = State(issuer)
    return made


@dataclass(frozen=True)
class Running:
    """The provider's process, as tests speak to it."""

    issuer: str

    def is_(self, *, lie: dict[str, Any] | None = None, new_key: bool = False, **person: Any) -> None:
        """From now on this person is signed in there (Lin, but for what is said), and this lie is told."""
        order = {"person": person, "lie": lie or {}, "new_key": new_key}
        httpx.post(f"{self.issuer}/control", json=order).raise_for_status()


@contextmanager
def running() -> Iterator[Running]:
    """Start the provider on a free port, and stop it again."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "tests.support.oidc_provider", str(port)], cwd=ROOT)

    def up() -> None:
        assert process.poll() is None
        try:
            assert httpx.get(f"{issuer}/keys").status_code == 200
        except httpx.HTTPError as error:
            raise AssertionError(str(error)) from None

    try:
        eventually_sync(up)
        yield Running(issuer)
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    uvicorn.run(app(f"http://127.0.0.1:{sys.argv[1]}"), port=int(sys.argv[1]), log_level="warning")
