"""Values that staff may change while the service runs."""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table


class Setting(Table, table=True):
    """One named value, stored only once it differs from its default."""

    __tablename__ = "setting"

    key: str = Field(max_length=80, unique=True)
    value: Any = Field(sa_type=JSONB, nullable=False)
