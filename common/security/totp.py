"""One-time codes by time (RFC 6238), as every authenticator app makes them, and recovery codes for a lost phone."""

import hmac
import re
import secrets
from io import BytesIO

import pyotp
import segno

_STEP = 30
#: A code of the step before or after counts too: clocks differ, and people type slowly.
_WINDOW = 1
_RECOVERY_CODES = 10
_SECRET = re.compile(r"(?:[A-Z2-7]{8}){4,8}")
#: Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """A secret of 160 bits, in base32."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether this is a secret as `new_secret` makes them, or a longer one."""
    return bool(_SECRET.fullmatch(text))


def address(secret: str, username: str) -> str:
    """What the picture says: an `otpauth:` address."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="Rota")


def picture(text: str) -> str:
    """A QR code as SVG, for the page."""
    out = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(out, kind="svg", scale=5, border=4, xmldecl=False, svgns=False, nl=False, omitsize=False, light="#fff")
    return out.getvalue().decode()


def step_of(secret: str, code: str, *, at: float, used: int) -> int | None:
    """The time step that `code` belongs to, or None: wrong, too old, or of a step not after `used`."""
    given = "".join(code.split())
    if not (given.isascii() and given.isdecimal()):
        return None
    now = int(at) // _STEP
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(now - _WINDOW, now + _WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(step), given) and step > used:
            found = step
    return found


def recovery_codes() -> list[str]:
    """New codes to write down: 10 of 74 bits, such as `k7mq2-xw9rf-a8cde`."""
    return ["-".join(_letters() for _group in range(3)) for _ in range(_RECOVERY_CODES)]


def _letters() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def plain(code: str) -> str:
    """A recovery code as it is digested, however it was typed."""
    return "".join(code.casefold().split()).replace("-", "")
