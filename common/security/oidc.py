"""Sign-in with an OpenID Connect provider: the authorization code flow with PKCE, state and nonce.

Authlib and joserfc are imported here and nowhere else, and only where a provider is set. Nothing is believed that does
not come from the one provider of the settings: its description must name the issuer of the settings, its addresses
must be https, an ID token must be signed with one of its keys (never `none`, never a shared secret), for this client,
for this sign-in, and not be over.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import structlog

from common.clock import Clock
from common.config import Settings
from common.domain.identity import Admission, Identity
from common.errors import ConfigurationError, DomainError, NotAuthenticated
from common.i18n import N_

log = structlog.get_logger()

#: Signatures that only the provider can make. Not among them: none, and HS*, whose key the client would have too.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_TIMEOUT = 10.0
#: How long the provider's description and keys are kept, and how soon keys are asked for again when one is missing.
_KEEP = 3600.0
_KEYS_AGAIN = 10.0
_LEEWAY = 60
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class ProviderError(DomainError):
    """The provider cannot be reached, or says something that does not hold together."""

    status = 502
    code = "sign-in-service"
    title = N_("Sign-in service")


def unreachable() -> ProviderError:
    """What people are told; the log says more."""
    return ProviderError(N_("The sign-in service does not answer as it should. Try again; the log says more."))


def not_proven() -> NotAuthenticated:
    """What people are told whose identity the provider's answer does not prove; the log says why."""
    return NotAuthenticated(N_("The sign-in service did not prove who you are. Try again."))


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in whose browser is at the provider. `nonce` and `verifier` follow from `state` and a key of ours, so
    that the browser's cookie, which holds the state, gives neither away."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, key: str, state: str) -> "Pending":
        """What belongs to this state."""

        def derived(name: str) -> str:
            return hmac.new(key.encode(), f"oidc-{name}:{state}".encode(), hashlib.sha256).hexdigest()

        return cls(state, derived("nonce"), derived("verifier"))


@dataclass(slots=True)
class _Kept:
    value: Any
    since: float


class Provider:
    """The OpenID Connect provider of the settings."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        secret = settings.oidc_client_secret
        self.issuer = settings.oidc_issuer
        self.name = settings.oidc_name
        self.admission = Admission(
            domains=settings.oidc_domains,
            roles=dict(_split(each) for each in settings.oidc_roles),
            registration=settings.oidc_registration,
        )
        self._client_id = settings.oidc_client_id
        self._secret = secret.get_secret_value() if secret else None
        self._scope = " ".join(settings.oidc_scopes)
        self._groups_claim = settings.oidc_groups_claim
        self._home = settings.public_url.rstrip("/")
        self._clock = clock
        self._metadata: _Kept | None = None
        self._keys: _Kept | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to; it must know this address."""
        return f"{self._home}/ui/login/oidc/callback"

    async def authorization_url(self, pending: Pending) -> str:
        """Where the browser goes to sign in; raises ProviderError."""
        metadata = await self._description()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(url)

    async def identity(self, pending: Pending, *, code: str, issuer: str | None) -> Identity:
        """Whom the provider says `code` stands for; raises NotAuthenticated, ProviderError.

        `issuer` is what came back with the code: another provider's code must not be taken to this one (mix-up).
        """
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError
        from joserfc.errors import JoseError

        metadata = await self._description()
        named = metadata.get("authorization_response_iss_parameter_supported") is True
        if (named or issuer is not None) and issuer != self.issuer:
            log.warning("answer of another provider", issuer=issuer)
            raise not_proven()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=pending.verifier,
                )
                claims = await self._claims(token, pending.nonce, metadata)
                return self._read(await self._completed(client, claims, metadata))
        except (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("sign-in not proven", issuer=self.issuer, error=_short(error))
            raise not_proven() from None
        except HTTPError as error:
            raise self._away(error) from None

    async def sign_out_url(self) -> str | None:
        """Where people sign out at the provider too; None when it has no such place, or does not answer."""
        try:
            endpoint = (await self._description()).get("end_session_endpoint")
        except ProviderError:
            return None
        if not endpoint:
            return None
        from authlib.common.urls import add_params_to_uri

        back = {"client_id": self._client_id, "post_logout_redirect_uri": f"{self._home}/ui/login"}
        return str(add_params_to_uri(endpoint, back))

    # ---- what the provider says ----

    async def _claims(self, token: Mapping[str, Any], nonce: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of the ID token; raises JoseError or ValueError when they prove nothing."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError

        said = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        algorithms = [each for each in _ALGORITHMS if each in said]
        text = str(token["id_token"])
        try:
            read = jwt.decode(text, await self._key_set(), algorithms=algorithms)
        except InvalidKeyIdError:  # the provider has changed its keys
            read = jwt.decode(text, await self._key_set(again=True), algorithms=algorithms)
        options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self._client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(now=int(self._clock.local().timestamp()), leeway=_LEEWAY)
        return dict(claims)

    async def _completed(self, client: Any, claims: dict[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The claims with those that this provider gives at its userinfo endpoint only; the ID token's come first."""
        endpoint = metadata.get("userinfo_endpoint")
        wanted = {"email", "preferred_username"} | ({self._groups_claim} if self.admission.roles else set())
        if not endpoint or all(_at(claims, each) is not None for each in wanted):
            return claims
        answer = (await client.get(endpoint)).raise_for_status()
        more = answer.json()
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise ValueError("userinfo is about somebody else")
        # An address and whether it is verified belong together, wherever they are said.
        if "email" in claims:
            more = {name: value for name, value in more.items() if name != "email_verified"}
        return {**more, **claims}

    def _read(self, claims: Mapping[str, Any]) -> Identity:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ValueError("sub is no name")
        verified, email = claims.get("email_verified") is True, _text(claims.get("email"), 255)
        groups = _at(claims, self._groups_claim)
        given = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Identity(
            issuer=self.issuer,
            subject=subject,
            email=email if verified and _EMAIL.fullmatch(email) else "",
            username=_text(claims.get("preferred_username"), 200),
            display_name=_text(claims.get("name"), 100),
            groups=frozenset(each for each in given if isinstance(each, str)),
        )

    # ---- what is asked of the provider ----

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self._client_id,
            self._secret,
            scope=self._scope,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            leeway=0,  # a token that is good for a minute only is good enough
            timeout=_TIMEOUT,
            follow_redirects=False,
        )

    async def _description(self) -> Mapping[str, Any]:
        """The provider's description of itself; raises ProviderError."""
        if self._metadata is None or self._clock.monotonic() - self._metadata.since > _KEEP:
            found = await self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            self._check(found)
            self._metadata = _Kept(found, self._clock.monotonic())
        found = self._metadata.value
        return found if isinstance(found, Mapping) else {}

    def _check(self, found: Mapping[str, Any]) -> None:
        if found.get("issuer") != self.issuer:
            log.error("the provider names another issuer", expected=self.issuer, found=str(found.get("issuer"))[:200])
            raise unreachable()
        required = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        for name in (*required, "userinfo_endpoint", "end_session_endpoint"):
            address = found.get(name)
            if (address is None and name in required) or (address is not None and not self._is_safe(address)):
                log.error("an address of the provider cannot be used", name=name, address=str(address)[:200])
                raise unreachable()

    def _is_safe(self, address: object) -> bool:
        """https, or as the issuer itself where that is on this machine."""
        if not isinstance(address, str):
            return False
        parts, own = urlsplit(address), urlsplit(self.issuer)
        return parts.scheme == "https" or (own.scheme == "http" == parts.scheme and parts.hostname == own.hostname)

    async def _key_set(self, *, again: bool = False) -> Any:
        """The provider's public keys; raises ProviderError."""
        from joserfc.jwk import KeySet

        age = self._clock.monotonic() - self._keys.since if self._keys is not None else _KEEP + 1
        if self._keys is None or age > (_KEYS_AGAIN if again else _KEEP):
            found = await self._fetch((await self._description())["jwks_uri"])
            keys = [each for each in found.get("keys", []) if each.get("kty") in ("RSA", "EC", "OKP")]
            self._keys = _Kept(KeySet.import_key_set({"keys": keys}), self._clock.monotonic())
        return self._keys.value

    async def _fetch(self, url: str) -> dict[str, Any]:
        from httpx2 import HTTPError

        try:
            async with self._client() as client:
                answer = (await client.request("GET", url, withhold_token=True)).raise_for_status()
                found = answer.json()
        except (HTTPError, ValueError) as error:
            raise self._away(error) from None
        if not isinstance(found, dict):
            raise self._away(ValueError("no JSON object"))
        return found

    def _away(self, error: Exception) -> ProviderError:
        log.warning("sign-in service does not answer", issuer=self.issuer, error=_short(error))
        return unreachable()


def provider_of(settings: Settings, clock: Clock) -> Provider | None:
    """The provider of the settings, None when there is none; raises ConfigurationError when the extra is missing."""
    if not settings.oidc_issuer:
        return None
    if not all(map(find_spec, ("authlib", "httpx2"))):
        raise ConfigurationError(
            "ROTA_OIDC_ISSUER needs packages that are not installed. Run: pip install 'rota[oidc]'"
        )
    return Provider(settings, clock)


def _split(entry: str) -> tuple[str, str]:
    group, _, role = entry.rpartition("=")
    return group.strip(), role.strip()


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _text(value: object, longest: int) -> str:
    """A claim as text that every database keeps."""
    if not isinstance(value, str):
        return ""
    return "".join(each for each in value if each.isprintable() and not "\ud800" <= each <= "\udfff").strip()[:longest]


def _short(error: Exception) -> str:
    """What the log says: the kind of error and its words, which come from libraries, never a token."""
    return f"{type(error).__name__}: {error}"[:200]
