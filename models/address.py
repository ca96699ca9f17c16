"""A patient's saved addresses: the passport of a door."""

import uuid

from sqlmodel import Field

from models.base import Table, point_rules


class Address(Table, table=True):
    """One door with everything a doctor needs to stand before it."""

    __tablename__ = "address"
    __table_args__ = point_rules()

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    label: str | None = Field(default=None, max_length=60)
    text: str = Field(max_length=300)
    entrance: str | None = Field(default=None, max_length=20)
    floor: str | None = Field(default=None, max_length=20)
    intercom: str | None = Field(default=None, max_length=40)
    flat: str | None = Field(default=None, max_length=20)
    notes: str | None = Field(default=None, max_length=500)
    district: str | None = Field(default=None, max_length=80)
    latitude: float | None = Field(default=None)
    longitude: float | None = Field(default=None)
