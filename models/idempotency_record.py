"""Answers kept for a day, so that a repeated request is answered and not redone."""

import uuid

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table


class IdempotencyRecord(Table, table=True):
    """The first answer to one key of one user for one method and path."""

    __tablename__ = "idempotency_record"
    __table_args__ = (sa.UniqueConstraint("user_id", "method", "path", "key"),)

    user_id: uuid.UUID
    method: str = Field(max_length=8)
    path: str = Field(max_length=300)
    key: str = Field(max_length=64)
    request_hash: str = Field(max_length=64)
    status_code: int
    body: str = Field(sa_type=sa.Text)
