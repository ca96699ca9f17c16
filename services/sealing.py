"""What only we may read again, and what nobody needs to read again.

Seals and hashes stand on keys derived from TOT_SECRET_KEY, one for each use.
"""

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.config import get_settings


class BrokenSeal(ValueError):
    """The text was sealed with a key that is not ours, or was changed."""


def seal(text: str) -> str:
    """Encrypt a short secret for a column; at most about 1,400 characters."""
    return _box().encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """Decrypt what `seal` made, also with the previous key.

    Raises BrokenSeal when it was not made by one of our keys.
    """
    try:
        return _box().decrypt(token).decode()
    except InvalidToken as error:
        raise BrokenSeal from error


def keyed_hash(purpose: str, text: str) -> str:
    """Hash a short secret so that a stolen table cannot be searched for it.

    64 hexadecimal digits; equal texts of different purposes differ.
    """
    key = _derived(get_settings().secret_key, f"tot hash {purpose}")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _box() -> MultiFernet:
    settings = get_settings()
    keys = filter(None, (settings.secret_key, settings.secret_key_previous))
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(_derived(key, "tot sealed text")))
            for key in keys
        ]
    )


def _derived(secret: str, use: str) -> bytes:
    return hmac.digest(secret.encode(), use.encode(), "sha256")
