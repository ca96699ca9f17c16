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


def unseal(token: str, seconds: int | None = None) -> str:
    """Decrypt what `seal` made, also with the previous key.

    Raises BrokenSeal when it was not made by one of our keys, or so long ago.
    """
    try:
        return _box().decrypt(token, seconds).decode()
    except InvalidToken as error:
        raise BrokenSeal from error


def keyed_hash(purpose: str, text: str) -> str:
    """Hash a short secret so that a stolen table cannot be searched for it.

    64 hexadecimal digits; equal texts of different purposes differ.
    """
    return keyed_hashes(purpose, text)[0]


def keyed_hashes(purpose: str, text: str) -> list[str]:
    """The hashes under all our keys, the present one first, to search a table with."""
    return [_hashed(key, purpose, text) for key in _keys()]


def is_keyed_hash(digest: str, purpose: str, text: str) -> bool:
    """Tell whether `keyed_hash` made the digest of this text, also by the key before.

    Takes as long for a wrong text as for the right one.
    """
    made = keyed_hashes(purpose, text)
    return sum(hmac.compare_digest(digest, each) for each in made) > 0


def _hashed(key: str, purpose: str, text: str) -> str:
    derived = _derived(key, f"tot hash {purpose}")
    return hmac.digest(derived, text.encode(), "sha256").hex()


def _keys() -> list[str]:
    settings = get_settings()
    return [key for key in (settings.secret_key, settings.secret_key_previous) if key]


def _box() -> MultiFernet:
    derived = (_derived(key, "tot sealed text") for key in _keys())
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


def _derived(secret: str, use: str) -> bytes:
    return hmac.digest(secret.encode(), use.encode(), "sha256")
