"""Tokens: JWT by python-jose, imported here and nowhere else, with every door it leaves open shut.

HS256 only; exp, iat, sub, aud, iss, jti required (python-jose accepts a token without them unless told); a header
with anything but alg, typ, kid is refused (it ignores `crit`). `typ` inside tells what a token is for.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from jose import jwt
from jose.exceptions import JOSEError

_ALGORITHM = "HS256"
_ISSUER = "rota"
_AUDIENCE = "rota"
_OPTIONS = {f"require_{claim}": True for claim in ("aud", "iss", "exp", "iat", "sub", "jti")} | {"leeway": 10}

#: access: a program's; page: a browser's cookie; device: a browser that signed in before; second: the password was
#: right, the code is still to come; oidc: a browser that went to the provider, and should come back.
Kind = Literal["access", "page", "device", "second", "oidc"]


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a token speaks for: the user (0 = nobody yet), and the sign-in it ends with."""

    user_id: int
    session_id: str
    #: What else it says.
    data: Mapping[str, str] = field(default_factory=dict)


def issue(
    key: str,
    *,
    user_id: int,
    session_id: str,
    kind: Kind,
    now: datetime,
    lifetime: timedelta,
    data: Mapping[str, str] | None = None,
) -> str:
    """A signed token of this kind that is good until `now + lifetime`. Whoever has it can read its `data`."""
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(user_id),
        "sid": session_id,
        "typ": kind,
        "jti": secrets.token_hex(8),
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        **({"data": dict(data)} if data else {}),
    }
    return str(jwt.encode(claims, key, algorithm=_ALGORITHM))


def read(key: str, token: str, *, kind: Kind) -> Claims | None:
    """What the token says, or None when it is not one of ours, of another kind, or over."""
    try:
        if set(jwt.get_unverified_header(token)) - {"alg", "typ", "kid"}:
            return None
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER, options=_OPTIONS)
        if claims.get("typ") != kind:
            return None
        return Claims(int(claims["sub"]), str(claims["sid"]), claims.get("data", {}))
    except (JOSEError, KeyError, ValueError, TypeError, AttributeError):
        return None


def opaque() -> str:
    """A random token of 256 bits that means nothing by itself."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of an opaque token."""
    return hashlib.sha256(token.encode()).hexdigest()
