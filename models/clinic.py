"""Clinics that take over calls, and the people who manage them."""

import uuid

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table


class ClinicProfile(Table, table=True):
    """A clinic: its name, licence and tax number."""

    __tablename__ = "clinic_profile"
    __table_args__ = (
        sa.CheckConstraint(
            "tax_number ~ '^([0-9]{10}|[0-9]{12})$'", name="tax_number_digits"
        ),
    )

    name: str = Field(max_length=200, unique=True)
    licence_number: str | None = Field(default=None, max_length=60)
    tax_number: str | None = Field(default=None, max_length=12)
    address: str | None = Field(default=None, max_length=300)
    phone: str | None = Field(default=None, max_length=16)
    active: bool = Field(default=True)

    def __str__(self) -> str:
        return self.name


class ClinicMember(Table, table=True):
    """A person with the role clinic belongs to exactly one clinic."""

    __tablename__ = "clinic_member"
    __table_args__ = (sa.UniqueConstraint("user_id"),)

    clinic_id: uuid.UUID = Field(
        foreign_key="clinic_profile.id", ondelete="RESTRICT", index=True
    )
    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
