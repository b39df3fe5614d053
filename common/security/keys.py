"""The key that signs tokens: made at the first start, 0600, outside the database."""

import secrets

from common.config import Settings
from common.errors import ConfigurationError
from common.security import keyfiles

_KNOWN_SAMPLES = ("your-secret-key", "change-in-production", "changeme", "secretsecret")


def signing_key(settings: Settings) -> str:
    """The key, from the settings or from `keys/tokens.key` in the data folder; made there when it is missing.

    Raises ConfigurationError for a known sample, a short key, or a file that others may read.
    """
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
    else:
        path = settings.data_dir / "keys" / "tokens.key"
        keyfiles.make(path, secrets.token_urlsafe(48))
        key = keyfiles.read(path).strip()
    if len(key) < 32 or any(sample in key.lower() for sample in _KNOWN_SAMPLES):
        raise ConfigurationError("The secret key is too short or a published sample. Remove it and Rota makes one.")
    return key
