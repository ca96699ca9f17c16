"""What a member of staff proves beside the password."""

import uuid
from datetime import datetime

from sqlmodel import Field

from models.base import Table, stamp


class TotpSecret(Table, table=True):
    """A sealed TOTP secret (RFC 6238); `last_step` is never accepted again.

    Until it is confirmed, only the session that it was `begun_in` may see it.
    """

    __tablename__ = "totp_secret"

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", unique=True
    )
    sealed: str = Field(max_length=500)
    begun_in: uuid.UUID | None = Field(default=None)
    confirmed_at: datetime | None = stamp()
    last_step: int | None = Field(default=None)


class RecoveryCode(Table, table=True):
    """One code for the day the phone is lost; burnt by its use."""

    __tablename__ = "recovery_code"

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    code_hash: str = Field(max_length=64)
    used_at: datetime | None = stamp()
