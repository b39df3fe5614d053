"""Which language somebody reads, and the words of it: gettext catalogues from `locales/`.

Source strings are English, so English needs no catalogue. Used by pages, API problems and the command line.
"""

import gettext
from functools import cache

from common.errors import DomainError
from common.paths import LOCALES

#: Code of the catalogue -> how the language calls itself.
LANGUAGES = {"en": "English", "zh_CN": "中文"}
DEFAULT = "en"


@cache
def translations(lang: str) -> gettext.NullTranslations:
    """The catalogue of a language; without one (English, or not built) the source strings speak."""
    return gettext.translation("rota", str(LOCALES), languages=[lang], fallback=True)


def negotiate(chosen: str | None, accept_language: str | None) -> str:
    """The user's own choice (a cookie) first, then what the browser asks for, then English."""
    if chosen in LANGUAGES:
        return chosen
    for tag in _by_preference(accept_language or ""):
        primary = tag.split("-")[0].lower()
        if primary in ("zh", "en"):
            return "zh_CN" if primary == "zh" else "en"
    return DEFAULT


def _by_preference(header: str) -> list[str]:
    """Language tags of an Accept-Language header, best first; a malformed weight counts as refused."""
    weighted: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            weighted.append((-weight, tag))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


def html_lang(lang: str) -> str:
    """The BCP 47 tag for `<html lang>` and Content-Language."""
    return "zh-CN" if lang == "zh_CN" else lang


def localized(error: DomainError, lang: str) -> str:
    """What an error says, in a language: its source string is a gettext id with `{name}` places."""
    text = translations(lang).gettext(error.message) if error.message else ""
    return text.format(**error.params) if error.params else text


def N_(message: str) -> str:
    """Mark a string for extraction where it is written; it is translated where it is shown."""
    return message


#: Titles of errors (`common.errors` cannot import this module, which imports it).
_TITLES = (
    N_("Bad request"),
    N_("Not signed in"),
    N_("Not allowed"),
    N_("Not found"),
    N_("Conflict"),
    N_("Encryption key missing"),
    N_("Invalid input"),
    N_("Too many requests"),
    N_("Try again"),
)
