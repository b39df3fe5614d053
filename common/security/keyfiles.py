"""Files that hold keys: 0600, written whole or not at all, refused when others may read them."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from common.errors import ConfigurationError


def make(path: Path, text: str) -> None:
    """Create the file where there is none: of several processes that start at once one wins, all read the same."""
    if path.exists():
        return
    draft = _draft(path, text)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def replace(path: Path, text: str) -> None:
    """Put `text` in the place of what the file holds, at once for every reader."""
    _draft(path, text).replace(path)


def read(path: Path) -> str:
    """What the file holds. Raises ConfigurationError when it is not there, or others may read it."""
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigurationError(f"{path} may be read by others. Run: chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        raise ConfigurationError(f"There is no key file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error}.") from None


def _draft(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
