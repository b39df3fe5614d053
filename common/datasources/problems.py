"""What went wrong with a user's database, in plain words: drivers say it in their own."""

import re
import socket
import ssl
from collections.abc import Mapping

from common.datasources.source import OFF, Source
from common.domain.invalid import N_
from common.errors import DomainError

NAME, PORT, TIMEOUT, PASSWORD, DATABASE = "name", "port", "timeout", "password", "database"
TLS, DRIVER, REFUSED, FILE, OTHER = "tls", "driver", "refused", "file", "other"
_LONGEST = 1000


class Problem(DomainError):
    """A database that cannot be used as it is described. `kind` is one of the codes above; `detail` is what the driver
    said, without the password."""

    status = 422
    code = "data-source-problem"
    title = "Data source does not answer"

    def __init__(self, kind: str, message: str, *, detail: str = "", **params: object) -> None:
        super().__init__(message, field=None, **params)
        self.kind = kind
        self.detail = detail


#: What of a driver's answer means what, the first that fits: codes of errors, or words of its text.
_CODES: Mapping[str, Mapping[str, str]] = {
    "mysql": {
        **dict.fromkeys(("1045", "1698", "1862", "1820", "3118"), PASSWORD),
        **dict.fromkeys(("1049", "1044"), DATABASE),
        **dict.fromkeys(("2026", "3159", "1835"), TLS),
        **dict.fromkeys(("1130", "1129"), REFUSED),
    },
    "oracle": {
        **dict.fromkeys(("ORA-01017", "ORA-28000", "ORA-28001", "ORA-01005", "DPY-4001"), PASSWORD),
        **dict.fromkeys(("ORA-12514", "ORA-12505", "DPY-6001", "DPY-6003"), DATABASE),
        **dict.fromkeys(("ORA-12506", "ORA-12529"), REFUSED),
    },
    "sqlserver": {**dict.fromkeys(("18456", "18486", "18487", "18488"), PASSWORD), "4060": DATABASE, "911": DATABASE},
}
_WORDS = (
    (
        PASSWORD,
        re.compile(r"password authentication failed|no password supplied|role .* does not exist|认证失败|角色.*不存在"),
    ),
    (DATABASE, re.compile(r"database .* does not exist|数据库.*不存在|file is not a database|file is encrypted")),
    (
        REFUSED,
        re.compile(r"no pg_hba\.conf entry|pg_hba\.conf|too many (clients|connections)|remaining connection slots"),
    ),
    (TLS, re.compile(r"\bSSL\b|\bTLS\b|certificate|verify failed|root\.crt|secure connection", re.IGNORECASE)),
    (TIMEOUT, re.compile(r"timeout expired|timed out", re.IGNORECASE)),
    (PORT, re.compile(r"connection refused", re.IGNORECASE)),
)


def driver_missing(source: Source) -> Problem:
    """The driver of a source's kind is not installed."""
    return Problem(
        DRIVER,
        N_("The driver for {title} is not installed. On every machine of Rota: pip install 'rota[{extra}]'"),
        title=source.about.title,
        extra=source.about.extra or source.about.driver,
    )


def explained(error: BaseException, source: Source, timeout: float) -> DomainError:
    """The same error in plain words."""
    if isinstance(error, DomainError):
        return error
    kind = _kind(error, source)
    return Problem(kind, _SAID[kind], detail=said(error, source), **_params(source, timeout))


def _params(source: Source, timeout: float) -> dict[str, object]:
    return {
        "title": source.about.title,
        "place": source.place,
        "database": source.database or "–",
        "username": source.username or "–",
        "seconds": f"{timeout:g}",
    }


_SAID = {
    PORT: N_("Nothing answers at {place}: the port is wrong, the server does not run, or a firewall turns us away."),
    TIMEOUT: N_("No answer from {place} within {seconds} s: the address is wrong, or a firewall is in between."),
    PASSWORD: N_("{title} does not accept the user name {username} with this password."),
    DATABASE: N_("There is no database {database} that {username} may use."),
    TLS: N_("No encrypted connection: the server offers none, demands one, or its certificate is not trusted."),
    REFUSED: N_("The server at {place} does not let this machine or this account in."),
    FILE: N_("The file {database} cannot be opened: it is not there, or this user may not read it."),
    OTHER: N_("{title} at {place} says something unexpected."),
}


def _kind(error: BaseException, source: Source) -> str:
    text = str(error)
    codes = _CODES.get(source.engine, {})
    told = _codes_of(error, text)
    found = next((codes[code] for code in told if code in codes), None)
    if found is not None:
        return found
    if source.engine == "mysql" and source.tls != OFF and ("2026" in text or isinstance(error, ssl.SSLError)):
        return TLS
    for kind, words in _WORDS:
        if words.search(text):
            return kind
    match error:
        case ssl.SSLError():
            return TLS
        case TimeoutError():
            return TIMEOUT
        case ConnectionRefusedError():
            return PORT
        case socket.gaierror():
            return NAME if not source.about.is_file else FILE
        case OSError():
            return FILE if source.about.is_file else PORT
    return FILE if source.about.is_file else OTHER


def _codes_of(error: BaseException, text: str) -> list[str]:
    first = error.args[0] if error.args else None
    return [str(first), *re.findall(r"\b(?:ORA|DPY)-\d{4,5}\b", text), *re.findall(r"\b\d{3,5}\b", text[:200])]


def said(error: BaseException, source: Source) -> str:
    """What a driver said, in one piece of text without the password."""
    first = error.args[0] if error.args else ""
    if len(error.args) > 1 and isinstance(first, int):
        text = f"{first}: {error.args[1]}"
    else:
        text = str(first.decode("utf-8", "replace") if isinstance(first, bytes) else error)
    if len(source.password) > 2:
        text = text.replace(source.password, "***")
    return text.replace("\x00", "")[:_LONGEST].strip() or type(error).__name__
