"""The content security policy: everything from here, nothing inline."""

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


def policy(nonce: str = "") -> str:
    """The policy of an answer. With a `nonce`, style sheets that carry it may be made: the code editor makes one."""
    return f"{_POLICY}; style-src 'self' 'nonce-{nonce}'" if nonce else _POLICY
