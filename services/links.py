"""Signed links: each names a row of verification_code and carries its secret.

When a link runs out is the row's affair, by the clock that may be moved.
"""

import uuid

from itsdangerous import BadData, URLSafeSerializer

from models.verification_code import Purpose
from services.config import get_settings


def sign(purpose: Purpose, row_id: uuid.UUID, secret: str) -> str:
    """Make the token of a link; a token of one purpose opens no other."""
    return str(_signer(purpose).dumps([str(row_id), secret]))


def read(purpose: Purpose, token: str) -> tuple[uuid.UUID, str] | None:
    """Give the row and the secret of a token, or None if it is not ours."""
    try:
        row_id, secret = _signer(purpose).loads(token)
        return uuid.UUID(row_id), str(secret)
    except (BadData, TypeError, ValueError, AttributeError):
        return None


def _signer(purpose: Purpose) -> URLSafeSerializer:
    settings = get_settings()
    # The last key signs; the one before still opens.
    keys = [key for key in (settings.secret_key_previous, settings.secret_key) if key]
    return URLSafeSerializer(keys, salt=f"tot link {purpose.value}")
